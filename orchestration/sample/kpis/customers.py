"""Retention and churn: who bought, who subscribed, who the customer file flags; and the triangle of cohorts.

Keep out: model-based values of customers.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from orchestration.sample.clock import END, month_starts
from orchestration.sample.kpis.cells import (
    GRAINS,
    ZONE_OFFSET,
    Block,
    Group,
    Measure,
    Parts,
    Placed,
    cut,
    end_of,
    local_day,
    part,
    start_of,
)
from orchestration.sample.kpis.view import View, order_subjects
from orchestration.sample.world import World

COMPANY = ("", "channel", "segment", "contract", "region")
SOURCE = ("source", "source,contract")
CUSTOMERS = (*COMPANY, *SOURCE)
SPANS = ("month", "quarter", "year")
ACTIVE_DAYS = 90
BOUNDARIES = local_day(np.array(month_starts()))  # first days of months, the last of them the day observation ends
LAST = local_day(np.array([END]))[0]


def blocks(world: World, view: View) -> list[Block]:
    """retention_rate and churn_rate."""
    bought = world.frame(
        "select b.person, b.at, identity, phone from purchase as b join person as p using (person) order by purchase"
    )
    bought["subject"] = order_subjects(bought, view)
    bought = bought[view.allowed(bought["person"], bought["subject"]) & view.present(bought["subject"])]
    bought = bought.assign(day=local_day(bought["at"]))
    return [*_purchases(bought, view), *_cohorts(bought), *_subscriptions(world, view), *_flags(world, view)]


def _spans() -> list[tuple[str, np.datetime64, np.datetime64]]:
    """Grain, first day and the day after the last one of every period that was observed to its end."""
    found = []
    for grain in SPANS:
        starts = np.unique(start_of(grain, BOUNDARIES))
        found += [(grain, a, b) for a, b in zip(starts, end_of(grain, starts), strict=True) if b <= LAST]
    return found


def _known(items: pd.DataFrame, view: View) -> pd.DataFrame:
    """Items with what was known of their subjects on the day `since` which they are counted (none: today)."""
    since = items["since"].to_numpy("datetime64[s]")
    at = np.where(np.isnat(since), END, since.astype(np.int64) - ZONE_OFFSET)
    return items.assign(
        channel=pd.Series("web", index=items.index).where(items["subject"].isin(view.shoppers)),
        segment=view.segment(items["subject"], pd.Series(at, index=items.index)),
        **{name: items["subject"].map(view.profile[name]) for name in ("contract", "region")},
    )


def _entries(items: pd.DataFrame) -> Placed:
    grain = items["grain"].map({g: i for i, g in enumerate(GRAINS)}).to_numpy(np.int64)
    return Placed(np.arange(len(items)), np.asarray(grain), items["start"].to_numpy("datetime64[D]"))


def _stays(variant: str, items: pd.DataFrame) -> Measure:
    """Who is kept, and who is not; items have subject and is_kept."""
    kept = items["is_kept"].to_numpy(bool)

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n, stay = group.count(), group.count(kept)
        about: dict[str, Any] = {"subjects": group.distinct(items["subject"].to_numpy()), "censored": np.zeros(group.n)}
        return {
            ("retention_rate", variant): part(stay, n, **about),
            ("churn_rate", variant): part(n - stay, n, **about),
        }

    return measure


def _purchases(bought: pd.DataFrame, view: View) -> list[Block]:
    """Active is who bought within the 90 days before a day; grain all: the last 90 days observed."""
    day, subject = bought["day"].to_numpy(), bought["subject"].to_numpy()
    parts = []
    for grain, start, end in [*_spans(), ("all", LAST - ACTIVE_DAYS, LAST)]:
        at_start, at_end = (np.unique(subject[(day < b) & (day >= b - ACTIVE_DAYS)]) for b in (start, end))
        told = np.datetime64("NaT") if grain == "all" else start
        parts.append(
            pd.DataFrame(
                {
                    "subject": at_start,
                    "is_kept": np.isin(at_start, at_end),
                    "grain": grain,
                    "start": told,
                    "since": start,
                }
            )
        )
    items = _known(pd.concat([p for p in parts if len(p)], ignore_index=True).assign(source="web_shop"), view)
    return cut(items, _entries(items), CUSTOMERS, _stays("inactive_90_days", items))


def _cohorts(bought: pd.DataFrame) -> list[Block]:
    """The triangle: of those who first bought in a month, who is active so many month ends later.

    Blank if not observed.
    """
    cohort = start_of("month", bought.groupby("subject")["day"].min().to_numpy("datetime64[D]"))
    first = pd.Series(cohort, index=bought.groupby("subject")["day"].min().index)
    oldest = int((cohort.min() < BOUNDARIES).sum())
    day, subject = bought["day"].to_numpy("datetime64[D]"), bought["subject"].to_numpy()
    active = {b: first.loc[np.unique(subject[(day < b) & (day >= b - ACTIVE_DAYS)])] for b in BOUNDARIES}
    rows = []
    for month, n in zip(*np.unique(cohort, return_counts=True), strict=True):
        for age in range(oldest):
            end = (month.astype("datetime64[M]") + age + 1).astype("datetime64[D]")
            rows.append((month, age, n, (active[end] == month).sum() if end <= LAST else np.nan))
    months, ages, sizes, still = (np.array(column) for column in zip(*rows, strict=True))
    observed = np.where(np.isnan(still), np.nan, sizes)
    told = part(still, observed, eligible=sizes, answered=observed, subjects=sizes)
    grain, member = np.full(len(rows), GRAINS.index("month")), np.full(len(rows), "web_shop", dtype=object)
    return [Block("retention_rate", "inactive_90_days", "source", grain, months, member, told, cohort_age=ages)]


def _subscriptions(world: World, view: View) -> list[Block]:
    """Active is whose paid period covers a day; a month is billed ahead, so the day observation ends is known too."""
    paid = world.frame("select person, month, amount, currency from subscription order by person, month")
    paid["subject"] = view.subjects_of("web_shop", "W" + (5_000_000 + paid["person"]).astype(str), paid["person"])
    paid = paid[view.present(paid["subject"])]
    on = {b: paid[paid["month"] == i].set_index("subject") for i, b in enumerate(BOUNDARIES)}
    parts = []
    for grain, start, end in _spans():
        paying = on[start]
        later = on[end]["amount"].reindex(paying.index)
        parts.append(
            pd.DataFrame(
                {
                    "subject": paying.index,
                    "before": paying["amount"].to_numpy(),
                    "after": later.fillna(0).to_numpy(),
                    "is_kept": later.notna().to_numpy(),
                    "currency": paying["currency"].to_numpy(),
                    "grain": grain,
                    "start": start,
                    "since": start,
                }
            )
        )
    items = _known(pd.concat([p for p in parts if len(p)], ignore_index=True).assign(source="web_shop"), view)
    found = cut(items, _entries(items), CUSTOMERS, _stays("logo", items))
    for currency, own in items.groupby("currency"):
        own = own.reset_index(drop=True)
        for block in cut(own, _entries(own), CUSTOMERS, _revenue(own)):
            found.append(replace(block, currency=np.full(len(block.grain), currency, dtype=object)))
    return found


def _revenue(items: pd.DataFrame) -> Measure:
    """What those who paid at the start still pay; gross: without what they pay more."""
    before, after = items["before"].to_numpy(), items["after"].to_numpy()

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        about: dict[str, Any] = {
            "eligible": group.count(),
            "answered": group.count(),
            "subjects": group.distinct(items["subject"].to_numpy()),
        }
        whole = group.total(before)
        told: dict[tuple[str, str], Parts] = {}
        for variant, kept in (("gross_revenue", np.minimum(before, after)), ("net_revenue", after)):
            still = group.total(kept)
            told["retention_rate", variant] = part(still, whole, **about)
            told["churn_rate", variant] = part(whole - still, whole, **about)
        return told

    return measure


def _flags(world: World, view: View) -> list[Block]:
    """The customer file's own flag, which speaks of no period."""
    members = world.frame("select person, is_churned from person where is_member order by 1")
    members["subject"] = view.subjects_of("crm", "C" + members["person"].astype(str).str.zfill(7), members["person"])
    seen = view.allowed(members["person"], members["subject"]) & view.present(members["subject"])
    items = members[seen].assign(
        is_kept=lambda f: ~f["is_churned"],
        grain="all",
        start=np.datetime64("NaT"),
        since=np.datetime64("NaT"),
        source="crm",
    )
    items = _known(items.reset_index(drop=True), view)
    return cut(items, _entries(items), CUSTOMERS, _stays("source_flag", items))
