"""Telephone numbers of the rest of the world: with +, with brackets, in national shapes, or beside a word that says so.

Keep out: plain runs of digits without such a word, which are mostly orders and parcels; dates.
"""

from orchestration.privacy.rules.phone_zh import AS_FIXED
from orchestration.privacy.rules.rule import RECORD, Pattern, Rule, digits, in_turn

_EXT = r"(?:\s?(?i:x|ext\.?|extension|#|转)\s?[0-9]{1,6}\b)?"
_END = r"(?:x[0-9]{1,6}\b|\b" + _EXT + ")"
_PLUS = r"(?:\+|\(\+)\s?[0-9](?:[ ().\-/]{0,3}[0-9]){7,14}" + _END
_DOUBLE_ZERO = r"\b00[1-9](?:[ ().\-/]{1,2}[0-9]+){2,5}" + _END
_NANP = (
    r"(?:1[ .\-])?(?:\([0-9]{3}\)\s?[0-9]{3}[ .\-]?[0-9]{4}|[0-9]{3}[.\-/ ][0-9]{3}[.\- ][0-9]{4})(?:[.\-][0-9]+)*"
    + _END
)
_BRACKET = r"\(\+?[0-9]{2,5}\)[ \-]?[0-9]{2,4}(?:[ \-][0-9]{2,4}){1,3}\b|\(0[0-9]{1,4}\)\s?[0-9]{5,8}\b"
_TRUNK = r"\b0[1-9][0-9]{0,4}(?:[ .\-/]{1,3}[0-9]{2,8}){1,5}" + _END
_ANY = r"[+(]{0,2}[0-9](?:[ ().\-/]{0,3}[0-9]){5,14}" + _END
_RUN = r"[0-9]+(?:[.\-/][0-9]+)*"

_WORD = (
    r"(?i:\b(?:tele)?phones?|\btel\b|\bmobile|\bcell(?:ular|phone)?|\bfax|\bcall(?:ed|ing)?|\breach|\bcontact(?:ed)?|\btext(?:ed)?|\bsms|"
    r"\bmessages?|\bdial(?:ed)?|\bring|\bwhats\s?app|\banswering|\bregistered|\bdesk|\boffice|\bhotline|\bhandy|\btelefon(?:nummer)?|\brufen|\b(?:my|new|phone|mobile|contact)\snumber)"
)
_LINK = (
    r"(?i:[\s:：=#,.\-]|me\b|us\b|him\b|her\b|them\b|you\b|back\b|at\b|on\b|to\b|is\b|was\b|my\b|our\b|your\b|the\b|number\b|no\b|"
    r"under\b|via\b|by\b|phone\b|mobile\b|cell\b|line\b|s\b|new\b|home\b|work\b|please\b|unter\b|an\b){0,12}"
)
_AFTER = r"[\s\-]{0,2}(?i:office|fax|mobile|cell|home|work|desk)\b"

_DATE = (
    r"^(?:19|20)[0-9]{2}[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12][0-9]|3[01])(?:[^0-9]|$)"
    r"|^[0-9]{1,2}[-./ ][0-9]{1,2}[-./ ](?:19|20)[0-9]{2}(?:[^0-9]|$)|^(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]$"
)


def _is_number(candidate: str) -> str:
    form = (
        r"^(?:\(?\+.*|00[1-9][ ().\-/].*|\(.*|(?:1[ .\-])?[0-9]{3}[.\-/ ][0-9]{3}[.\- ][0-9]{4}(?:[^0-9.\-].*)?"
        r"|0[1-9][0-9]{0,4}[ .\-/].*|0[67][0-9]{8}|07[0-9]{9}|01[5-7][0-9]{8,9})$"
    )
    return in_turn(
        f"length({candidate}) >= 9",
        f"regexp_matches({candidate}, '{form}')",
        f"length({digits(candidate)}) between (case when {candidate}[1] = '(' then 8 else 9 end) and 21",
        f"not regexp_matches({candidate}, '{_DATE}|^[48]00-[0-9]{{3}}-[0-9]{{4}}$')",
    )


def _is_plausible(candidate: str) -> str:
    return in_turn(
        f"length({candidate}) >= 6",
        f"length({digits(candidate)}) between 6 and 21",
        f"not regexp_matches({candidate}, '{_DATE}')",
    )


RULE = Rule(
    name="phone_world",
    token="PHONE",
    order=120,
    reads="numbers",
    needs=r"[0-9](?:[ ().\-/]{0,3}[0-9]){5}",
    patterns=(
        Pattern(before=f"{_WORD}{_LINK}", value=f"{_ANY}|{_RUN}", check=_is_plausible),
        Pattern(value=_ANY, after=_AFTER, check=_is_plausible),
        Pattern(
            value=f"{RECORD}{AS_FIXED}|{_PLUS}|{_DOUBLE_ZERO}|{_NANP}|{_BRACKET}|{_TRUNK}|{_RUN}", check=_is_number
        ),
    ),
)
