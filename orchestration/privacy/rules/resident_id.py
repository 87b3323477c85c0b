"""Resident identity numbers of mainland China: region, date and check digit mod 11-2 (GB 11643, ISO 7064).

Keep out: other documents.
"""

from orchestration.privacy.rules.rule import GAP, Pattern, Rule, in_turn

_REGION = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|9[1-4]"
_FORM = rf"^(?:{_REGION})[0-9]{{4}}(?:18|19|20)[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{3}}[0-9X]$"
_SHAPES = (
    rf"[0-9]{{6}}{GAP}[0-9]{{8}}{GAP}[0-9]{{3}}[0-9Xx]|[0-9]{{6}}{GAP}[0-9]{{4}}{GAP}[0-9]{{4}}{GAP}[0-9]{{3}}[0-9Xx]"
    rf"|[0-9]{{3}}{GAP}[0-9]{{3}}{GAP}[0-9]{{4}}{GAP}[0-9]{{4}}{GAP}[0-9]{{3}}[0-9Xx]"
    rf"|[0-9]{{6}}{GAP}[0-9]{{4}}{GAP}[0-9]{{2}}{GAP}[0-9]{{2}}{GAP}[0-9]{{3}}[0-9Xx]"
    rf"|[0-9]{{6}}{GAP}[0-9]{{11}}[0-9Xx]|[0-9]{{14}}{GAP}[0-9]{{3}}[0-9Xx]"
    rf"|[0-9](?:{GAP}[0-9]){{16}}{GAP}[0-9Xx]|[0-9]{{17}}[Xx]"
)
_LABEL = r"(?i:身份证(?:号码|件号|号)?|身份号码|证件号码?|公民身份号码|(?:resident\s)?id\s?(?:card\s)?(?:number|no\.?))[\s:：#是为]{0,4}(?i:is\s)?"


def passes_mod_11_2(candidate: str) -> str:
    """SQL boolean: region, date and check digit of eighteen signs."""
    number = f"upper(regexp_replace({candidate}, '[^0-9Xx]', '', 'g'))"
    weights = "[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]"
    return in_turn(
        f"length({candidate}) >= 18",
        f"regexp_matches({number}, '{_FORM}')",
        "'10X98765432'[(1 + list_sum(list_transform("
        f"string_split({number}[1:17], ''), lambda digit, nth: try_cast(digit as int) * {weights}[nth])) % 11)::int] = {number}[18]",
    )


RULE = Rule(
    name="resident_id",
    token="ID",
    order=50,
    reads="numbers",
    needs=rf"[0-9](?:(?:{GAP})?[0-9]){{13}}",
    patterns=(
        Pattern(value=f"{_SHAPES}|[0-9]+", check=passes_mod_11_2),
        Pattern(before=_LABEL, value=r"[0-9]{17}[0-9Xx]\b|[0-9]{15}\b"),
    ),
)
