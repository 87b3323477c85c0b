"""Links that can lead to a person: with a query, a fragment, a long number, a user part or a profile path.

Keep out: plain addresses of sites and pages, which stay readable.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

_BODY = r"[A-Za-z0-9\-._~:/?#\[\]@!$&()*+,;=%']*[A-Za-z0-9/=#&_~\-]"
_HOSTS = (
    r"weibo\.(?:com|cn)/|twitter\.com/|facebook\.com/|instagram\.com/|linkedin\.com/in/|tiktok\.com/|t\.me/|wa\.me/"
)
_PERSONAL = rf"[?#@=]|[0-9]{{5}}|(?i:{_HOSTS}|//x\.com/|/(?:u|user|users|profile|people|member|space|account)/)"
_OF_SOMEBODY = rf"^(?i:(?:[a-z0-9\-]+\.)*(?:{_HOSTS}|x\.com/))[^/]"

RULE = Rule(
    name="url",
    token="URL",
    order=10,
    needs=r"://|(?i:www\.)|\.(?i:com|cn|me)/[^\s]|[A-Za-z]/[^\s?]*\?",
    patterns=(
        Pattern(
            value=r"(?i:\b[a-z][a-z0-9+.\-]{1,15}://|\bwww\.)" + _BODY,
            check=lambda c: f"regexp_matches({c}, '{_PERSONAL}')",
        ),
        Pattern(value=r"\b(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}(?::[0-9]{1,5})?/[A-Za-z0-9\-._~/%]*\?" + _BODY),
        Pattern(
            value=r"\b(?:[A-Za-z0-9-]+\.)+(?i:com|cn|me)/" + _BODY,
            check=lambda c: f"regexp_matches({c}, '{_OF_SOMEBODY}')",
        ),
    ),
)
