"""pycanon over a CSV file, by the interpreter of an environment of its own: k, l, t, and the CPU seconds of the three.

Keep out: imports of this project. Input: JSON {"path", "quasi", "sensitive"}; output: JSON.
"""

import json
import sys
import time

import pandas
from pycanon import anonymity


def main() -> None:
    """Measure once; reading the file is not counted."""
    given = json.load(sys.stdin)
    table = pandas.read_csv(given["path"])
    quasi, sensitive = given["quasi"], [given["sensitive"]]
    started = time.process_time()
    k = anonymity.k_anonymity(table, quasi)
    diversity = anonymity.l_diversity(table, quasi, sensitive)
    t = anonymity.t_closeness(table, quasi, sensitive)
    seconds = time.process_time() - started
    json.dump({"k": int(k), "l": int(diversity), "t": float(t), "seconds": seconds}, sys.stdout)


if __name__ == "__main__":
    main()
