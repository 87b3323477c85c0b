"""International bank account numbers: length of the country and ISO 7064 mod 97-10 (ISO 13616).

Keep out: national account numbers.
"""

from orchestration.privacy.rules.rule import Pattern, Rule

# Length by country, IBAN registry (SWIFT).
_LENGTHS = {
    15: "NO",
    16: "BE",
    18: "DK|FI|FO|GL|NL|SD",
    19: "MK|SI",
    20: "AT|BA|EE|KZ|LT|LU|XK",
    21: "CH|CR|HR|LI|LV",
    22: "BG|BH|DE|GB|GE|IE|ME|RS",
    23: "AE|GI|IL|IQ|OM|SO|TL",
    24: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG",
    25: "LY|PT|ST",
    26: "IS|TR",
    27: "BI|DJ|FR|GR|IT|MC|MR|SM",
    28: "AL|AZ|BY|CY|DO|GT|HU|LB|NI|PL|SV",
    29: "BR|EG|PS|QA|UA",
    30: "JO|KW|MU",
    31: "MT|SC",
    32: "LC",
    33: "RU",
}


def _mod_97_is_1(candidate: str) -> str:
    compact = f"upper(regexp_replace({candidate}, '[^A-Za-z0-9]', '', 'g'))"
    return (
        f"list_reduce(list_transform(string_split({compact}[5:] || {compact}[1:4], ''), "
        "lambda sign: case when ascii(sign) < 58 then ascii(sign) - 48 else ascii(sign) - 55 end), "
        "lambda rest, value: (case when value < 10 then rest * 10 + value else rest * 100 + value end) % 97) = 1"
    )


_VALUES = "|".join(
    rf"(?:{countries})[0-9]{{2}}(?:[ \-]?[A-Z0-9]){{{length - 4}}}" for length, countries in _LENGTHS.items()
)

RULE = Rule(
    name="iban",
    token="IBAN",
    order=30,
    reads="numbers",
    needs=r"[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]){11}",
    patterns=(Pattern(value=f"(?i:{_VALUES})", check=_mod_97_is_1),),
)
