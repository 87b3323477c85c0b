"""pycanon on many small tables, by the interpreter of an environment of its own: k, l and t of each.

Keep out: imports of this project. Input: JSON list of {"rows": [[subject, q1, q2, v], ...], "as_words"}; output: the
same with k, l and t, as `pycanon_tables.json` holds some frozen.
"""

import json
import sys

import pandas
from pycanon import anonymity


def main() -> None:
    """Answer all tables given."""
    told = []
    for case in json.load(sys.stdin):
        table = pandas.DataFrame(case["rows"], columns=["subject", "q1", "q2", "v"])
        if case["as_words"]:
            table["v"] = "v" + table["v"].astype(str)
        quasi = ["q1", "q2"]
        k, diversity = anonymity.k_anonymity(table, quasi), anonymity.l_diversity(table, quasi, ["v"])
        told.append(case | {"k": int(k), "l": int(diversity), "t": float(anonymity.t_closeness(table, quasi, ["v"]))})
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
