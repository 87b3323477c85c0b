"""Numbers written with Chinese numerals (一三八零零…), also mixed with digits: telephones, identity numbers, cards.

Keep out: amounts and dates, which hold 十, 百, 年.
"""

from orchestration.privacy.rules.card import is_card
from orchestration.privacy.rules.resident_id import passes_mod_11_2
from orchestration.privacy.rules.rule import Pattern, Rule

_FROM = "零〇○一壹二贰两三叁四肆五伍六陆七柒八捌九玖幺"
_TO = "00011222334455667788991"
_SIGN = f"[0-9{_FROM}]"
_LABEL = r"(?:手机|电话|号码|联系|座机|微信|(?i:qq))[^0-9零〇○一壹二贰两三叁四肆五伍六陆七柒八捌九玖幺\n]{0,6}"


def _plain(candidate: str) -> str:
    return f"regexp_replace(translate({candidate}, '{_FROM}', '{_TO}'), '[^0-9Xx]', '', 'g')"


def _is_identifier(candidate: str) -> str:
    number = f"list_transform([{_plain(candidate)}], lambda number: {{}})[1]"
    test = (
        "regexp_matches(number, '^(?:(?:00)?86)?(?:0?1[3-9][0-9]{9}|0(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7})$')"
        f" or case when length(number) = 18 then {passes_mod_11_2('number')} else false end"
        f" or case when length(number) between 13 and 19 then {is_card('number')} else false end"
    )
    return f"regexp_matches({candidate}, '[{_FROM}]') and {number.format(test)}"


RULE = Rule(
    name="spoken_digits",
    token="PHONE",
    order=105,
    needs=rf"[{_FROM}](?:[ \-,，、.。]{{0,2}}{_SIGN}){{2}}",
    patterns=(
        Pattern(value=rf"{_SIGN}(?:[ \-,，、.。]{{0,2}}{_SIGN}){{6,20}}[Xx]?", check=_is_identifier),
        Pattern(before=_LABEL, value=rf"{_SIGN}(?:[ \-]{{0,2}}{_SIGN}){{6,12}}", check=lambda c: f"regexp_matches({c}, '[{_FROM}]')"),
    ),
)
