"""Kaplan-Meier in a few lines of numpy, for the truth: an implementation that shares nothing with the models'.

Keep out: what is timed.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def quantiles(
    cell: Ints, n: int, duration: Floats, happened: npt.NDArray[np.bool_], wanted: Sequence[float]
) -> list[Floats]:
    """Per cell the smallest t with S(t) <= 1 - q, NaN where the curve never falls that low (Kaplan and Meier 1958).

    cell: of each item, 0 to n - 1. One array of n for each q wanted. Who was last seen at t was at risk at t.
    """
    order = np.lexsort((duration, cell))
    cell, duration, happened = cell[order], duration[order], happened[order]
    fresh = np.ones(len(cell), dtype=bool)
    fresh[1:] = (cell[1:] != cell[:-1]) | (duration[1:] != duration[:-1])
    starts = np.flatnonzero(fresh)
    if not len(starts):
        return [np.full(n, np.nan) for _ in wanted]
    of, time = cell[starts], duration[starts]
    events = np.add.reduceat(happened.astype(np.int64), starts)
    ends = np.cumsum(np.bincount(cell, minlength=n))
    at_risk = ends[of] - starts
    all_gone = events == at_risk
    steps = np.log1p(-np.where(all_gone, 0, events) / at_risk)
    running = np.cumsum(steps)
    first = np.searchsorted(of, np.arange(n))  # where each cell's times begin
    before = np.concatenate([[0.0], running])[np.minimum(first, len(running))]
    survival = np.where(all_gone, 0.0, np.exp(running - before[of]))
    found = []
    for q in wanted:
        reached = np.flatnonzero((survival <= 1 - q + 1e-9) & (events > 0))
        cells, places = np.unique(of[reached], return_index=True)
        value = np.full(n, np.nan)
        value[cells] = time[reached[places]]
        found.append(value)
    return found
