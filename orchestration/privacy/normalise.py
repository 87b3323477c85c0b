"""Identifiers in one normal form each, as SQL: what the blind index is computed on.

Keep out: keys, hashes, and finding identifiers in free text.
"""

import unicodedata
from functools import cache

from orchestration.engine import literal

# Characters that show nothing: format characters, fillers, variation selectors. Control characters except tab and
# line breaks go too, so that the redaction can use them as marks.
INVISIBLE = (
    r"[\p{Cf}\x{34f}\x{115f}\x{1160}\x{17b4}\x{17b5}\x{180b}-\x{180f}\x{3164}\x{fe00}-\x{fe0f}\x{ffa0}\x{e0100}-\x{e01ef}"
    r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x{9f}]"
)

# What folding leaves as it is, of the signs that most texts are made of: printable ASCII, Chinese, its punctuation.
PLAIN = r"[\t\n\r -~\x{4e00}-\x{9fff}，。！？、：；“”（）《》]*"

# Marks that are written after their letter or kana, and parts of Korean syllables: one sign with it in composed form.
_MARKS = r"[\x{300}-\x{36f}\x{1100}-\x{11ff}\x{3099}\x{309a}]"

# What shops and stores write where a person gave no name: it tells nobody from anybody.
NOBODY = (
    "anonymous", "unknown", "guest", "n/a", "none", "amazon customer", "kindle customer", "a google user", "google user",
    "匿名", "匿名用户", "匿名买家", "匿名客户", "未知", "游客", "访客", "微信用户", "京东用户", "淘宝用户", "用户", "客户",
)  # fmt: skip


@cache
def _folds() -> tuple[str, str]:
    """Characters that NFKC, or their value as a digit, turns into one printable ASCII sign, and those signs.

    Chinese punctuation stays as it is: it carries no identifier, and a text should read as it was written.
    """
    source, target = [], []
    for code in range(0xA0, 0x1FC00):
        character = chr(code)
        folded = unicodedata.normalize("NFKC", character)
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            folded = str(int(digit))
        elif "①" <= character <= "⑨":
            folded = str(code - 0x245F)
        elif character in "\u2010\u2011\u2012\u2212":
            folded = "-"
        elif character in "·∙⋅・":
            folded = "·"
        if (
            len(folded) == 1
            and (" " <= folded <= "~" or folded == "·")
            and character not in "，：；！？（）"
            and folded != character
        ):
            source.append(character)
            target.append(folded)
    return "".join(source), "".join(target)


def ranges(characters: str) -> str:
    """A RE2 character class of the characters."""
    codes, parts, start = sorted(map(ord, characters)), [], None
    for code, following in zip(codes, [*codes[1:], None], strict=True):
        start = code if start is None else start
        if following != code + 1:
            parts.append(rf"\x{{{start:x}}}-\x{{{code:x}}}")
            start = None
    return "[" + "".join(parts) + "]"


def _is_common(character: str) -> bool:
    """Full-width forms and blanks: what East Asian and copied texts hold every day."""
    return "\uff00" <= character <= "\uffef" or character in "\u00a0\u3000"


@cache
def folding_steps() -> tuple[str, ...]:
    """SQL expressions over a text `t`, to be computed one after the other.

    Invisible characters go, marks are composed with their letters; full-width, mathematical and other digits, letters
    and signs become ASCII.
    """
    steps = [
        f"regexp_replace(t, {literal(INVISIBLE + '+')}, '', 'g')",
        f"case when regexp_matches(t, '{_MARKS}') then nfc_normalize(t) else t end",
    ]
    pairs = list(zip(*_folds(), strict=True))
    # Two tables, because translate() builds its table anew for every row that needs it.
    for is_common in (True, False):
        source, target = (
            "".join(side) for side in zip(*(p for p in pairs if _is_common(p[0]) is is_common), strict=True)
        )
        steps.append(
            f"case when regexp_matches(t, {literal(ranges(source))}) "
            f"then translate(t, {literal(source)}, {literal(target)}) else t end"
        )
    return tuple(steps)


def folded_text(text: str) -> str:
    """SQL: a text after the folding steps, as one expression."""
    result = f"[{text}]"
    for step in folding_steps():
        result = f"list_transform({result}, lambda t: {step})"
    return f"{result}[1]"


def normal_label(expression: str) -> str:
    """SQL: a label of a scale as labels are compared: whatever the width and case of its letters, blanks around it."""
    return f"lower(trim({folded_text(f'({expression})::varchar')}))"


def normal_name(expression: str) -> str:
    """SQL: a name as texts are read: forms of letters folded, single blanks."""
    return rf"regexp_replace(trim({folded_text(expression)}), '\s+', ' ', 'g')"


def normal_email(expression: str) -> str:
    """SQL: trimmed, case-folded e-mail address; NULL when it is none."""
    return (
        f"list_transform([lower(trim({folded_text(expression)}))], lambda mail: case when regexp_matches(mail, "
        r"'^[^\s@<>(),;:]+@(?:[\p{L}\p{N}\-]+\.)+[\p{L}]+$') and length(mail) <= 254 then mail end)[1]"
    )


# Country code by ISO 3166 code, and the form of national numbers without trunk prefix.
_PLANS = {
    "CN": ("86", r"^(?:1[3-9][0-9]{9}|(?:10|2[0-9])[2-9][0-9]{7}|[3-9][0-9]{2}[2-9][0-9]{6,7})$", "0"),
    "US": ("1", r"^[2-9][0-9]{2}[2-9][0-9]{6}$", "1"),
    "CA": ("1", r"^[2-9][0-9]{2}[2-9][0-9]{6}$", "1"),
    "DE": ("49", r"^[1-9][0-9]{5,12}$", "0"),
    "FR": ("33", r"^[1-9][0-9]{8}$", "0"),
    "GB": ("44", r"^[1-9][0-9]{8,9}$", "0"),
}


def normal_phone(expression: str, country: str) -> str:
    """SQL: E.164 with +, NULL when the number is not valid; `country` is a SQL expression of an ISO 3166 code.

    National numbers need a country of CN, US, CA, DE, FR or GB; a mainland mobile is known by its form alone when no
    country is given, unless a trunk 0 leads, as it does in many countries. Other international numbers (+ or 00) pass
    with 8 to 15 digits (ITU-T E.164).
    """
    national, international = [], []
    for iso, (code, form, trunk) in _PLANS.items():
        bare = f"regexp_replace(raw.number, '^{trunk}', '')"
        with_code = f"regexp_replace(raw.number[{len(code) + 1}:], '^0', '')"
        national.append(f"when raw.country = '{iso}' and regexp_matches({bare}, '{form}') then '+{code}' || {bare}")
        if iso in ("CN", "US"):
            national.append(
                f"when raw.country = '{iso}' and starts_with(raw.number, '{code}') and regexp_matches({with_code}, '{form}')"
                f" then '+{code}' || {with_code}"
            )
        if iso != "CA":
            international.append(
                f"when starts_with(raw.number, '{code}') then case when regexp_matches({with_code}, '{form}') "
                f"then '+{code}' || {with_code} end"
            )
    cleaned = (
        f"list_transform([regexp_replace(trim({folded_text(f'({expression})::varchar')}), "
        r"'(?i)\(0\)|\s*(?:x|ext\.?|#|转|分机)\s*[0-9]+$|^(?:tel|phone|mobile)?[:：\s]+|^tel:', '', 'g')], lambda given: "
        "{'country': upper(trim(" + country + ")), 'is_international': regexp_matches(given, '^\\(?\\s*(?:\\+|00)'), "
        "'is_number': regexp_matches(given, '^[+(]*[0-9][0-9 ().\\-/·]*$'), "
        "'number': regexp_replace(regexp_replace(given, '[^0-9]', '', 'g'), case when regexp_matches(given, '^\\(?\\s*00') "
        "then '^00' else '^$' end, '')})"
    )
    return (
        f"list_transform({cleaned}, lambda raw: case when not raw.is_number then null "
        f"when raw.is_international then case {' '.join(international)} "
        "when regexp_matches(raw.number, '^[1-9][0-9]{7,14}$') then '+' || raw.number end "
        "when coalesce(raw.country, 'CN') = 'CN' and regexp_matches(raw.number, '^(?:86)?1[3-9][0-9]{9}$') "
        f"then '+86' || right(raw.number, 11) {' '.join(national)} end)[1]"
    )


def is_mobile(expression: str) -> str:
    """SQL boolean: an E.164 number that belongs to one person's telephone, as far as the plan tells.

    Mainland China, Germany, France and the United Kingdom tell; in the North American plan a number may be either, so
    it does not prove a person, and other countries are not known.
    """
    return (
        f"coalesce(regexp_matches({expression}, "
        r"'^\+(?:861[3-9][0-9]{9}|491[5-7][0-9]{8,9}|33[67][0-9]{8}|447[1-57-9][0-9]{8})$'), false)"
    )


def normal_account(expression: str) -> str:
    """SQL: an account id or handle without a leading @ and blanks, upper case; NULL when empty."""
    return rf"nullif(upper(regexp_replace({folded_text(expression)}, '^\s*@|\s+', '', 'g')), '')"
