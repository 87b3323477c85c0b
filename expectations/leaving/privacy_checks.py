"""What `privacy_checks` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, one_of, present


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        present("check_id"),
        present("status"),
        one_of("status", ("passed", "failed", "not_proved")),
    )
