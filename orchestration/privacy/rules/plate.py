"""Licence plates of mainland China, of seven signs and of eight (new energy).

Keep out: plates of other countries, which look like any product code.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

_PROVINCE = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼使"

RULE = Rule(
    name="plate",
    token="PLATE",
    order=80,
    reads="chinese",
    needs=rf"[{_PROVINCE}]\s?[A-Za-z]",
    patterns=(
        Pattern(
            value=rf"[最全崭更较是]新[A-Za-z0-9]+|[{_PROVINCE}]\s?(?i:[A-HJ-NP-Z])[·•\s.\-]?(?i:[A-HJ-NP-Z0-9]){{4,5}}(?i:[A-HJ-NP-Z0-9挂学警港澳])\b"
            rf"|[{_PROVINCE}]\s?(?i:[A-HJ-NP-Z])[·•\s.\-]?(?i:[A-HJ-NP-Z0-9]){{4}}[挂学警港澳]",
            check=lambda c: f"regexp_matches({c}, '[0-9].*[0-9]') and {c}[2] <> '新'",
        ),
    ),
)
