"""Cutting items into periods and cells, and what is counted in each; numpy alone.

Keep out: which items a metric counts. Periods are cut in the reporting zone, weeks start on Monday; grain `all` has no
start. Days and weeks are cut for the whole and by source only. A missing member of a dimension reads 'unknown'.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample import survival
from orchestration.sample.clock import ABSENT, DAY

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.float64] | npt.NDArray[np.int64] | npt.NDArray[np.bool_]

ZONE_OFFSET = 8 * 3600  # Asia/Shanghai has had no summer time since 1991
GRAINS = ("day", "week", "month", "quarter", "year", "all")
COARSE = ("month", "quarter", "year", "all")
TIMELESS = np.datetime64("NaT", "D")
# The dimensions in the order in which a cell names its members.
DIMENSIONS = (
    "source", "channel", "product", "store", "region", "touchpoint", "team", "segment", "language", "case_type", "category",
    "priority", "contract", "survey", "question", "sla_policy", "sla_metric",
)  # fmt: skip
NAMELESS = ("call", "review", "mention", "tablet")  # kinds with rows that nobody stands behind
# Told of a cell beside its value; what the truth does not tell is left empty.
PARTS = (
    "n_eligible", "n_answered", "n_excluded_consent", "n_subjects", "numerator", "denominator", "value", "n_censored",
)  # fmt: skip
KEYS = ("metric_id", "variant", "period_grain", "period_start", "breakdown", "member", "cohort_age_months", "currency")
COLUMNS = (*KEYS, *PARTS)

Parts = dict[str, Numbers | None]


@dataclass(frozen=True)
class Placed:
    """Items in periods, one entry per item and period: row of the item, grain (index of GRAINS), first day."""

    item: Ints
    grain: Ints
    start: npt.NDArray[np.datetime64]

    def only(self, kept: Bools) -> "Placed":
        """The entries that are kept."""
        return Placed(self.item[kept], self.grain[kept], self.start[kept])

    @property
    def is_coarse(self) -> Bools:
        return self.grain >= GRAINS.index("month")


@dataclass(frozen=True)
class Group:
    """Entries put into `n` cells: `of` is the cell of each; they are those of `placed`."""

    placed: Placed
    of: Ints
    n: int

    def count(self, where: Numbers | None = None) -> Ints:
        """How many entries of each cell have `where` (by item; None: all of them)."""
        chosen = self.of if where is None else self.of[where[self.placed.item].astype(bool)]
        return np.bincount(chosen, minlength=self.n).astype(np.int64)

    def total(self, values: Numbers) -> Floats:
        """Sum of the items' values in each cell; what is not a number counts nothing."""
        weights = np.nan_to_num(values[self.placed.item].astype(np.float64))
        return np.asarray(np.bincount(self.of, weights, self.n), dtype=np.float64)

    def distinct(self, values: Numbers, where: Bools | None = None) -> Ints:
        """How many different values the items of each cell have, of all items or of some."""
        told = values[self.placed.item].astype(np.int64)
        lowest, spread = int(told.min()), int(np.ptp(told)) + 1
        pairs = self.of * spread + (told - lowest)
        pairs = np.unique(pairs if where is None else pairs[where[self.placed.item]])
        return np.bincount(pairs // spread, minlength=self.n).astype(np.int64)


Measure = Callable[[Group], dict[tuple[str, str], Parts]]


@dataclass(frozen=True)
class Block:
    """The cells of one metric, variant and breakdown."""

    metric: str
    variant: str
    breakdown: str
    grain: Ints
    start: npt.NDArray[np.datetime64]
    member: npt.NDArray[np.object_]
    parts: Parts
    cohort_age: Ints | None = None
    currency: npt.NDArray[np.object_] | None = None


def local_day(at: "pd.Series | npt.NDArray[np.int64]") -> npt.NDArray[np.datetime64]:
    """The day of an instant in the reporting zone."""
    return np.asarray((np.asarray(at, dtype=np.int64) + ZONE_OFFSET) // DAY).astype("datetime64[D]")


def start_of(grain: str, day: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """First day of the period that a day lies in."""
    if grain == "week":
        return day - (day.astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
    if grain == "month":
        return day.astype("datetime64[M]").astype("datetime64[D]")
    if grain == "quarter":
        return (day.astype("datetime64[M]").astype(np.int64) // 3 * 3).astype("datetime64[M]").astype("datetime64[D]")
    if grain == "year":
        return day.astype("datetime64[Y]").astype("datetime64[D]")
    return day if grain == "day" else np.full(len(day), TIMELESS)


def end_of(grain: str, start: npt.NDArray[np.datetime64]) -> npt.NDArray[np.datetime64]:
    """The day after the last one of the period that starts on a day; none for grain all."""
    months = {"month": 1, "quarter": 3, "year": 12}
    if grain in months:
        return (start.astype("datetime64[M]") + months[grain]).astype("datetime64[D]")
    return start + {"day": 1, "week": 7}.get(grain, 0)


def placed(at: "pd.Series | npt.NDArray[np.int64] | None", n: int, grains: Sequence[str] = GRAINS) -> Placed:
    """Every item once per grain; items that have no instant (`at` None) in grain all."""
    day = np.full(n, TIMELESS) if at is None else local_day(at)
    if at is None:
        grains = ("all",)
    return Placed(
        np.tile(np.arange(n), len(grains)),
        np.repeat([GRAINS.index(g) for g in grains], n),
        np.concatenate([start_of(g, day) for g in grains]),
    )


def cut(items: pd.DataFrame, entries: Placed, breakdowns: Iterable[str], measure: Measure) -> list[Block]:
    """The cells of some metrics. items: one row per item, dimensions as columns (those not there are unknown).

    A measure tells, for the cells of one breakdown, the parts of every metric and variant; the part `is_there` says
    which cells exist (without it: all).
    """
    blocks: list[Block] = []
    members: dict[str, tuple[Ints, npt.NDArray[np.object_]]] = {}
    for breakdown in breakdowns:
        names = breakdown.split(",") if breakdown else []
        chosen = entries if breakdown in ("", "source") else entries.only(entries.is_coarse)
        if not len(chosen.item):
            continue
        # NaT is the smallest integer there is; the first day of grain all counts as day 0.
        days = np.where(np.isnat(chosen.start), 0, chosen.start.astype(np.int64))
        key = chosen.grain * 1_000_000 + days
        for name in names:
            if name not in members:
                values = items[name] if name in items else pd.Series(None, index=items.index, dtype=object)
                numbered, found = pd.factorize(values.astype(object).where(values.notna(), "unknown"))
                members[name] = numbered.astype(np.int64), np.asarray(found, dtype=object)
            codes, labels = members[name]
            key = key * len(labels) + codes[chosen.item]
        _, first, of = np.unique(key, return_index=True, return_inverse=True)
        label = np.full(len(first), "", dtype=object)
        for i, name in enumerate(sorted(names, key=DIMENSIONS.index)):
            codes, labels = members[name]
            label = label + ("," if i else "") + labels[codes[chosen.item[first]]]
        for (metric, variant), parts in measure(Group(chosen, of, len(first))).items():
            there = parts.pop("is_there", None)
            kept = slice(None) if there is None else np.flatnonzero(there)
            told = {name: None if part is None else part[kept] for name, part in parts.items()}
            grain, start = chosen.grain[first][kept], chosen.start[first][kept]
            blocks.append(Block(metric, variant, breakdown, grain, start, label[kept], told))
    return blocks


def table(blocks: Iterable[Block]) -> pd.DataFrame:
    """All cells under one another: COLUMNS."""
    found = [b for b in blocks if len(b.grain)]
    size = [len(b.grain) for b in found]

    def repeated(values: list[str]) -> npt.NDArray[np.object_]:
        return np.repeat(np.array(values, dtype=object), size)

    def joined(name: str) -> Floats:
        return np.concatenate(
            [np.full(n, np.nan) if b.parts.get(name) is None else np.asarray(b.parts[name], dtype=float)
             for b, n in zip(found, size, strict=True)]
        )  # fmt: skip

    return pd.DataFrame(
        {
            "metric_id": repeated([b.metric for b in found]),
            "variant": repeated([b.variant for b in found]),
            "period_grain": np.array(GRAINS, dtype=object)[np.concatenate([b.grain for b in found])],
            "period_start": np.concatenate([b.start for b in found]).astype("datetime64[s]"),
            "breakdown": repeated([b.breakdown for b in found]),
            "member": np.concatenate([b.member for b in found]),
            "cohort_age_months": np.concatenate(
                [np.full(n, np.nan) if b.cohort_age is None else b.cohort_age for b, n in zip(found, size, strict=True)]
            ),
            "currency": np.concatenate(
                [
                    np.full(n, None, dtype=object) if b.currency is None else b.currency
                    for b, n in zip(found, size, strict=True)
                ]
            ),
            **{name: joined(name) for name in PARTS},
        }
    )


def ratio(numerator: Numbers, denominator: Numbers, scale: float = 100.0) -> Floats:
    """scale × numerator ÷ denominator, not a number where the denominator is zero."""
    below = np.where(denominator == 0, np.nan, denominator)
    return np.asarray(scale * numerator / below, dtype=np.float64)


def part(
    numerator: Numbers | None,
    denominator: Numbers,
    scale: float = 100.0,
    *,
    eligible: Numbers | None = None,
    answered: Numbers | None = None,
    value: Numbers | None = None,
    censored: Numbers | None = None,
    subjects: Numbers | None = None,
    is_there: Bools | None = None,
) -> Parts:
    """A share or mean with its parts; eligible and answered are the denominator where they are not given."""
    told: Parts = {
        "n_eligible": denominator if eligible is None else eligible,
        "n_answered": denominator if answered is None else answered,
        "n_subjects": subjects,
        "numerator": numerator,
        "denominator": denominator,
        "value": ratio(numerator, denominator, scale) if value is None and numerator is not None else value,
        "n_censored": censored,
    }
    return told if is_there is None else {**told, "is_there": is_there}


def shares(metric: str, variant: str, hits: Numbers, subject: Numbers, censored: bool = False) -> Measure:
    """100 × items that hit ÷ items. censored: the metric tells that none is open."""

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n = group.count()
        zero = np.zeros(group.n) if censored else None
        told = part(group.count(hits), n, subjects=group.distinct(subject), censored=zero)
        return {(metric, variant): told}

    return measure


def quantile(group: Group, values: Floats, q: float) -> Floats:
    """The q-quantile of each cell's numbers, interpolated (type 7 of Hyndman and Fan 1996).

    None where there are none.
    """
    told = values[group.placed.item]
    known = ~np.isnan(told)
    of, told = group.of[known], told[known]
    order = np.lexsort((told, of))
    of, told = of[order], told[order]
    size = np.bincount(of, minlength=group.n)
    place = np.concatenate([[0], np.cumsum(size)[:-1]]) + np.maximum(size - 1, 0) * q
    low = np.floor(place).astype(np.int64)
    if not len(told):
        return np.full(group.n, np.nan)
    last = len(told) - 1
    below, above = told[np.minimum(low, last)], told[np.minimum(np.ceil(place).astype(np.int64), last)]
    return np.where(size > 0, below + (place - low) * (above - below), np.nan)


def timed(metric: str, clock: str, duration: Floats, happened: Bools, subject: Numbers) -> Measure:
    """Kaplan-Meier quantiles of all items and figures of the finished ones, in the unit of `duration`."""

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        item = group.placed.item
        n, events = group.count(), group.count(happened)
        about: dict[str, Any] = {
            "eligible": n,
            "answered": events,
            "censored": n - events,
            "subjects": group.distinct(subject),
        }
        told: dict[tuple[str, str], Parts] = {}
        percents = (50, 75, 90) if clock == "calendar" else (50, 90)
        curve = survival.quantiles(group.of, group.n, duration[item], happened[item], [p / 100 for p in percents])
        for percent, value in zip(percents, curve, strict=True):
            told[metric, f"km_p{percent}_{clock}"] = part(None, n, value=value, **about)
        finished = np.where(happened, duration, np.nan)
        mean = ratio(group.total(finished), events, 1.0)
        told[metric, f"mean_finished_{clock}"] = part(None, events, value=mean, **about)
        if clock == "calendar":
            middle = quantile(group, finished, 0.5)
            told[metric, f"p50_finished_{clock}"] = part(None, events, value=middle, **about)
        return told

    return measure


def refused(blocks: Iterable[Block], by_source: dict[str, int]) -> list[Block]:
    """The same cells; those of all time, in all and by source, told how many records were refused for consent."""
    found = list(blocks)
    for block in found:
        if block.breakdown in ("", "source"):
            n = [sum(by_source.values()) if block.breakdown == "" else by_source.get(m, 0) for m in block.member]
            block.parts["n_excluded_consent"] = np.where(block.grain == GRAINS.index("all"), n, np.nan)
    return found


def nobody(kind: str, frame: pd.DataFrame, named: pd.Series | None = None) -> pd.Series:
    """Subjects for rows of a kind that prove nobody.

    One for each name they are `named` by, else for each row itself.
    """
    number = np.arange(len(frame)) if named is None else pd.factorize(named)[0]
    return pd.Series(-(NAMELESS.index(kind) + 1) * 10**8 - number, index=frame.index)


def happened(at: pd.Series) -> Bools:
    """Whether each instant came."""
    return np.asarray(at != ABSENT)
