"""Kaplan-Meier in a few lines of numpy, for the truth: an implementation that shares nothing with the models'.

Keep out: what is timed.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def quantile(duration: Floats, happened: npt.NDArray[np.bool_], q: float) -> float | None:
    """Smallest t with S(t) <= 1 - q, None where the curve never falls that low (Kaplan and Meier 1958)."""
    times, place = np.unique(duration, return_inverse=True)
    events = np.bincount(place, weights=happened, minlength=len(times))
    everyone = np.bincount(place, minlength=len(times))
    at_risk = everyone[::-1].cumsum()[::-1]
    survival = np.cumprod(1 - events / at_risk)
    reached = np.flatnonzero((survival <= 1 - q + 1e-9) & (events > 0))
    return float(times[reached[0]]) if len(reached) else None
