"""What `publication` owes its readers beyond what every mart owes.

Keep out: rules that hold for more than this mart (contract.py, cells.py, privacy.py).
"""

from expectations.rules import Rule, holds, one_of
from orchestration.privacy.disclosure import PROFILES


def rules(columns: dict[str, str], schema: str) -> tuple[Rule, ...]:
    """The suite."""
    return (
        one_of("profile", tuple(PROFILES)),
        holds("nothing hidden can be computed", "n_derivable = 0 and n_held_derivable = 0"),
        holds("a file was published once", "count(*) over () = 1"),
    )
