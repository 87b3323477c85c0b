"""What `privacy_checks` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (cells.py, privacy.py).
"""

from expectations.rules import Rule, present, unique


def rules(columns: dict[str, str], schema: str, threshold: int) -> tuple[Rule, ...]:
    """The suite."""
    return (unique("one row per check", ("check_id",)), present("check_id"), present("status"))
