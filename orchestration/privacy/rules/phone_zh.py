"""Telephone numbers of mainland China: mobiles, fixed lines with area code, any number after a word such as 电话.

Keep out: service numbers of companies (400, 95xxx), which are not personal.
"""

from orchestration.privacy.rules.rule import GAP, RECORD, Pattern, Rule, digits, in_turn

_COUNTRY = r"(?:[(（]?\+?\s?(?:00)?86[)）]?[ \-.]{0,3})?"
_MOBILE = (
    rf"{_COUNTRY}(?:1[3-9][0-9](?:(?:{GAP}|[,，、]\s?)[0-9]{{4}}){{2}}\b|1[3-9][0-9]{GAP}[0-9]{{8}}\b|1[3-9][0-9]{{5}}{GAP}[0-9]{{4}}\b"
    rf"|1[3-9][0-9]{GAP}[0-9]{{3}}{GAP}[0-9]{{5}}\b|1[3-9][0-9]{{2}}{GAP}[0-9]{{3}}{GAP}[0-9]{{4}}\b"
    rf"|1[3-9][0-9]{{2}}{GAP}[0-9]{{4}}{GAP}[0-9]{{3}}\b|1[3-9][0-9](?:{GAP}[0-9]{{2}}){{4}}\b"
    rf"|1[3-9][0-9]{{3}}{GAP}[0-9]{{6}}\b|1(?:{GAP}|[,，、])[3-9](?:(?:{GAP}|[,，、])[0-9]){{9}}\b|1[3-9][0-9]{{9}}\b)"
)
_FIXED = (
    rf"{_COUNTRY}[(（]?0(?:10|2[0-9]|[3-9][0-9]{{2}})[)）]?[ \-—]{{0,3}}[2-9][0-9]{{2,3}}[ \-]?[0-9]{{4}}"
    r"(?:\s?(?:转|-|ext\.?|分机)\s?[0-9]{1,6})?\b"
)
AS_FIXED = r"0[0-9]{2,3}-[0-9]{3,4}-[0-9]{4}\b"  # a fixed line, and as often the number of a record
_LABEL = (
    r"(?:手机号?码?|电话号?码?|联系方式|联系我|联系人电话|座机|固话|来电|致电|拨打|打给我|打我|短信|传真|我的号码|(?i:\btel|\bphone|mobile))"
    r"(?:号|是|为|[:：\s,，]|改成|改为|换成|就是|的|本人|我的){0,4}"
)


def _is_number(candidate: str) -> str:
    return in_turn(
        rf"length({candidate}) >= 10 and not regexp_matches({candidate}, '^[^\s0-9(（+]')",
        f"regexp_matches({digits(candidate)}, '^(?:(?:00)?86)?(?:0?1[3-9][0-9]{{9}}"
        "|0(?:10|2[0-9]|[3-9][0-9]{2})[2-9][0-9]{6,7}(?:[0-9]{1,6})?)$')",
        rf"not regexp_matches({candidate}, '^[(（]?(?:\+\s?(?:[0-79]|8[0-57-9])|00(?:[0-79]|8[0-57-9]))')",
    )


def _is_plausible(candidate: str) -> str:
    return in_turn(
        f"length({candidate}) >= 7",
        f"length({digits(candidate)}) between 7 and 13 and not regexp_matches({digits(candidate)}, '^(?:[48]00|95|20[0-9]{{6}}$)')",
        f"not regexp_matches({candidate}, '[0-9]{{14}}')",
    )


RULE = Rule(
    name="phone_zh",
    token="PHONE",
    order=110,
    reads="numbers",
    needs=r"[0-9](?:[^0-9A-Za-z]{0,3}[0-9]){6}",
    patterns=(
        Pattern(
            value=rf"{RECORD}{AS_FIXED}|{_MOBILE}|{_FIXED}|(?:\+|\b00)[0-9][0-9 ().\-]*[0-9]|[0-9]+", check=_is_number
        ),
        Pattern(before=_LABEL, value=r"\+?[0-9]+(?:[ \-][0-9]+)*", check=_is_plausible),
    ),
)
