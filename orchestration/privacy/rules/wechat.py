"""WeChat ids after a word that names WeChat.

Keep out: WeChat as a word; numbers that are phones.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

_NAME = r"(?i:微信号?|威信|薇信|\bv信|wechat(?:\s?id)?|weixin|\bwx|\bvx|加v|加我v)"
_ID = r"[A-Za-z][A-Za-z0-9_\-]{5,19}"

RULE = Rule(
    name="wechat",
    token="HANDLE",
    order=90,
    needs=_NAME,
    patterns=(
        Pattern(before=r"(?:微信号|(?:微信|威信|薇信)(?:号|[:：]|号?[是为]))[\s:：是为]{0,3}", value=_ID),
        Pattern(
            before=_NAME + r"(?i:[\s:：=是为号]|id|is){0,6}",
            value=_ID,
            check=lambda c: f"regexp_matches({c}, '[0-9_]')",
        ),
    ),
)
