"""One rule alone, on texts that are in normal form.

Keep out: the pipeline around the rules.
"""

from collections.abc import Callable

import duckdb
import pytest

from orchestration.privacy.redaction import rules_chain
from orchestration.privacy.rules import all_rules
from orchestration.privacy.rules.rule import SIGNS


@pytest.fixture(scope="session")
def rule() -> Callable[[str, str], str]:
    """A function (rule name, text) → text with readable tokens."""
    con = duckdb.connect()
    query = {r.name: f"select t from {rules_chain('(select $1 as t)', [r])}" for r in all_rules()}

    def run(name: str, text: str) -> str:
        row = con.execute(query[name], [text]).fetchone()
        assert row
        result: str = row[0]
        for token, sign in SIGNS.items():
            result = result.replace(sign, f"<{token}>")
        return result

    return run
