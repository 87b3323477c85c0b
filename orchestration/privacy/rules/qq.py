"""QQ numbers after a word that names QQ.

Keep out: numbers without that word.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

RULE = Rule(
    name="qq",
    token="HANDLE",
    order=95,
    reads="digits",
    needs=r"(?i:qq|扣扣|企鹅号|加q|q号|微信)",
    patterns=(
        Pattern(
            before=r"(?i:qq|扣扣|企鹅号|加q|q号|微信)(?:群|号码?|群号)?[\s:：=是为]{0,4}",
            value=r"[0-9]+(?:[ \-][0-9]+)*",
            check=lambda c: f"regexp_matches(regexp_replace({c}, '[ \\-]', '', 'g'), '^[1-9][0-9]{{4,10}}$')",
        ),
    ),
)
