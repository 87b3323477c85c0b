"""Social security numbers of the United States: area, group and serial that can have been given.

Keep out: nine digits without hyphens and without a word that says what they are.
"""

from orchestration.privacy.rules.rule import RECORD, Pattern, Rule, digits, in_turn

_FORM = r"^(?:00[1-9]|0[1-9][0-9]|[1-57-8][0-9]{2}|6(?:[0-57-9][0-9]|6[0-57-9]))(?:0[1-9]|[1-9][0-9])(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)$"
_LABEL = r"(?i:\bssn\b|social\s?security(?:\s?(?:number|no\.?|#))?|社会?安全?号码?|社保号)[^0-9\n]{0,12}"


def _could_be_given(candidate: str) -> str:
    return f"regexp_matches({digits(candidate)}, '{_FORM}')"


def _is_hyphened(candidate: str) -> str:
    return in_turn(
        f"length({candidate}) = 11",
        f"regexp_matches({candidate}, '^[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}$')",
        _could_be_given(candidate),
    )


RULE = Rule(
    name="ssn",
    token="ID",
    order=60,
    reads="numbers",
    needs=r"[0-9]{3}[^0-9A-Za-z]{0,3}[0-9]{2}[^0-9A-Za-z]{0,3}[0-9]{4}|[0-9](?:[^0-9A-Za-z]{1,3}[0-9]){8}",
    patterns=(
        Pattern(value=rf"{RECORD}[0-9]{{3}}-[0-9]{{2}}-[0-9]{{4}}\b|[0-9]+(?:-[0-9]+)*", check=_is_hyphened),
        Pattern(before=_LABEL, value=r"[0-9](?:[ \t\n\-._]{0,3}[0-9]){8}\b", check=_could_be_given),
    ),
)
