"""Numbers written with Chinese numerals (一三八零零…), also mixed with digits: telephones, identity numbers, cards.

Keep out: amounts and dates, which hold 十, 百, 年.
"""

from collections.abc import Callable

from orchestration.privacy.rules.card import is_card
from orchestration.privacy.rules.resident_id import passes_mod_11_2
from orchestration.privacy.rules.rule import Pattern, Rule

_FROM = "零〇○一壹二贰两三叁四肆五伍六陆七柒八捌九玖幺"
_TO = "00011222334455667788991"
_SIGN = f"[0-9{_FROM}]"
_LABEL = r"(?:手机|电话|号码|联系|座机|微信|(?i:qq))[^0-9零〇○一壹二贰两三叁四肆五伍六陆七柒八捌九玖幺\n]{0,6}"


def _plain(candidate: str) -> str:
    return f"regexp_replace(translate({candidate}, '{_FROM}', '{_TO}'), '[^0-9Xx]', '', 'g')"


def _spoken(test: str) -> Callable[[str], str]:
    """A check that holds where the candidate has a numeral, and `test`, SQL over `number`, holds for its plain form."""
    return lambda c: (
        f"regexp_matches({c}, '[{_FROM}]') and list_transform([{_plain(c)}], "
        f"lambda number: case when length(number) >= 7 then {test} end)[1]"
    )


_NUMBER = "regexp_matches(number, '^(?:(?:00)?86)?(?:0?1[3-9][0-9]{9}|0(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7})$')"
_RUN = rf"{_SIGN}(?:[ \-,，、.。]{{0,2}}{_SIGN}){{6,20}}[Xx]?"


RULE = Rule(
    name="spoken_digits",
    token="PHONE",
    order=105,
    reads="chinese",
    needs=rf"[{_FROM}](?:[ \-,，、.。]{{0,2}}{_SIGN}){{2}}",
    patterns=(
        Pattern(value=_RUN, check=_spoken(_NUMBER)),
        Pattern(value=_RUN, check=_spoken(passes_mod_11_2("number")), token="ID"),
        Pattern(value=_RUN, check=_spoken(is_card("number")), token="CARD"),
        Pattern(
            before=_LABEL,
            value=rf"{_SIGN}(?:[ \-]{{0,2}}{_SIGN}){{6,12}}",
            check=lambda c: f"regexp_matches({c}, '[{_FROM}]')",
        ),
    ),
)
