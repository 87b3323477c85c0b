"""The ledger: nothing read is lost. Every record and row is accounted for, or the run has failed.

Keep out: who counts (guard, stage and promote write the lines).
"""

from collections import defaultdict
from typing import Any


def faults(lines: list[dict[str, Any]]) -> list[str]:
    """Identities that do not hold, as sentences without values.

    Per load and stream: read = conformed + reference + rejected. Per load and kind:
    emitted + widened = staged + rejected + duplicate, and staged = promoted + quarantined. Widened are rows the lake
    held already that come in again for more purposes (privacy/widening.py).
    """
    sums: dict[tuple[str, str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines:
        sums[(line["load_id"], line["level"], line["name"])][line["measure"]] += line["n"]
    found = []
    for (load_id, level, name), n in sorted(sums.items()):
        if level == "records":
            identities: list[tuple[tuple[str, ...], tuple[str, ...]]] = [
                (("read",), ("conformed", "reference", "rejected"))
            ]
        else:
            identities = [
                (("emitted", "widened"), ("staged", "rejected", "duplicate")),
                (("staged",), ("promoted", "quarantined")),
            ]
        for wholes, parts in identities:
            came, went = sum(n[w] for w in wholes), sum(n[p] for p in parts)
            if came != went:
                found.append(f"load {load_id}, {name}: {' + '.join(wholes)} {came} is not {' + '.join(parts)} = {went}")
    return found
