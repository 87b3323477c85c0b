"""Network addresses: IPv4, IPv6 and hardware (MAC) addresses.

Keep out: version numbers of four parts.
"""

from orchestration.privacy.rules.rule import Pattern, Rule, in_turn

_VERSION = (
    r"(?i:\bv|\bver\.?|version|版本号?|固件|firmware|release|build)(?:已?(?:升级|更新)[到至为])?[\s:：是为]{0,3}[0-9]+(?:\.[0-9]+)*"
    r"|[0-9]+(?:\.[0-9]+)*\s?版本"
)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"


def _is_ipv4(candidate: str) -> str:
    return in_turn(
        f"length({candidate}) between 8 and 15",
        rf"regexp_matches({candidate}, '^{_OCTET}(?:\.{_OCTET}){{3}}$')",
    )


def _is_ipv6_or_mac(candidate: str) -> str:
    groups = f"string_split({candidate}, ':')"
    return in_turn(
        f"length({candidate}) >= 5",
        f"regexp_matches({candidate}, '^(?:[0-9A-Fa-f]{{1,4}}:){{7}}[0-9A-Fa-f]{{1,4}}$') "
        f"or regexp_matches({candidate}, '^(?:[0-9A-Fa-f]{{2}}[:-]){{5}}[0-9A-Fa-f]{{2}}$') "
        f"or (regexp_matches({candidate}, '^(?:[0-9A-Fa-f]{{1,4}}:)*(?:[0-9A-Fa-f]{{1,4}})?::(?:[0-9A-Fa-f]{{1,4}}:)*[0-9A-Fa-f]{{1,4}}$') "
        f"and len({groups}) between 4 and 8 and regexp_matches({candidate}, '[0-9]'))",
    )


RULE = Rule(
    name="ip",
    token="IP",
    order=70,
    reads="digits",
    needs=r"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]:[0-9A-Fa-f:]*:[0-9A-Fa-f]|(?:[0-9A-Fa-f]{2}-){5}",
    patterns=(
        Pattern(value=rf"{_VERSION}|[0-9]+(?:\.[0-9]+)*", check=_is_ipv4),
        Pattern(value=r"[0-9A-Fa-f]*(?:(?:::|[:-])[0-9A-Fa-f]+)+", check=_is_ipv6_or_mac),
    ),
)
