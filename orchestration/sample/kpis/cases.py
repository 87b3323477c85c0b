"""Figures of cases: reply and resolution times, promises kept, reopenings, backlog.

Keep out: the event log; truth comes from the milestones that the log was written out of.
"""

import numpy as np
import pandas as pd

from orchestration.sample.cases import POLICIES, POLICY_OF, PRIORITIES, TARGET_METRICS
from orchestration.sample.clock import ABSENT, DAY, END, START, Seconds
from orchestration.sample.kpis import contacts
from orchestration.sample.kpis.cells import (
    COARSE,
    GRAINS,
    Block,
    Group,
    Ints,
    Parts,
    cut,
    end_of,
    happened,
    local_day,
    part,
    placed,
    shares,
    start_of,
    timed,
)
from orchestration.sample.kpis.view import View
from orchestration.sample.world import World

CASES = (
    "", "source", "channel", "store", "region", "team", "case_type", "category", "priority", "source,priority",
    "source,category", "channel,case_type",
)  # fmt: skip
INSTANCES = (*CASES, "sla_policy", "sla_metric", "sla_policy,sla_metric")
BACKLOG = ("", "source", "channel", "store", "team", "case_type", "category", "priority")
TEAMS = {"helpdesk": "service_cn", "helpdesk_eu": "service_eu"}


def standing(world: World, view: View) -> pd.DataFrame:
    """Cases that were not deleted, with subject and dimensions; the European desk names no shop."""
    cases = world.frame('select * from case_ where not is_deleted order by "case"')
    cases["subject"] = view.subjects_of(cases["source"], (700_000_000 + cases["person"]).astype(str), cases["person"])
    cases = cases[view.present(cases["subject"])].reset_index(drop=True)
    return cases.assign(
        store=contacts.codes_of_stores(cases["store"]).where(cases["source"] == "helpdesk"),
        team=cases["source"].map(TEAMS),
    )


def cohort(cases: pd.DataFrame) -> pd.DataFrame:
    """Cases that were neither merged nor spam."""
    return cases[~cases["is_merged"] & ~cases["is_spam"]].reset_index(drop=True)


def blocks(world: World, view: View) -> list[Block]:
    """Every metric whose items are cases or their promises, but for the processing rate."""
    every = standing(world, view)
    counted = cohort(every)
    return [*_times(counted), *_promises(counted), *_flags(every), *_reopenings(counted), *_backlog(every)]


def _times(cases: pd.DataFrame) -> list[Block]:
    found: list[Block] = []
    entries = placed(cases["opened"], len(cases))
    for metric, column, unit in (("first_reply_minutes", "replied", 60.0), ("resolution_hours", "resolved", 3600.0)):
        ended = happened(cases[column])
        until = cases[column].where(ended, END)
        clocks = {"calendar": (until - cases["opened"]).to_numpy(), "business": _business(cases, until)}
        for clock, seconds in clocks.items():
            measure = timed(metric, clock, seconds / unit, ended, cases["subject"].to_numpy())
            found += cut(cases, entries, CASES, measure)
    return found


def _business(cases: pd.DataFrame, until: pd.Series) -> Ints:
    spans = np.zeros(len(cases), dtype=np.int64)
    for source, policy in POLICY_OF.items():
        mine = (cases["source"] == source).to_numpy()
        spans[mine] = policy.calendar.between(cases["opened"].to_numpy()[mine], until.to_numpy()[mine])
    return spans


def _promises(cases: pd.DataFrame) -> list[Block]:
    promises = pd.concat(
        [_instances(cases, p.source, metric) for p in POLICIES for metric in TARGET_METRICS], ignore_index=True
    )
    met, active = ((promises["state"] == s).to_numpy() for s in ("met", "active"))

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n, still = group.count(), group.count(active)
        subjects = group.distinct(promises["subject"].to_numpy())
        told = part(group.count(met), n - still, eligible=n, censored=still, subjects=subjects)
        return {("sla_attainment", "house"): told}

    return cut(promises, placed(promises["due"], len(promises)), INSTANCES, measure)


def _instances(cohort: pd.DataFrame, source: str, metric: str) -> pd.DataFrame:
    """One promise per case: due and state. The clock of a resolution stands while the case is pending."""
    policy = POLICY_OF[source]
    cases = cohort[cohort["source"] == source]
    opened = cases["opened"].to_numpy()
    target = cases["priority"].map(dict(zip(PRIORITIES, getattr(policy, metric), strict=True))).to_numpy() * 60
    round_the_clock = cases["priority"].isin(policy.around_the_clock).to_numpy()
    ended = cases["replied" if metric == "first_reply" else "resolved"].to_numpy()

    def after(seconds: Seconds) -> Seconds:
        return np.where(round_the_clock, opened + seconds, policy.calendar.after(opened, seconds))

    due = after(target)
    suspended = np.zeros(len(cases), dtype=bool)
    if metric == "resolution":
        pending, back = cases["pending"].to_numpy(), cases["back"].to_numpy()
        until = np.where(back == ABSENT, END, back)
        stood = np.where(
            round_the_clock,
            until - pending,
            policy.calendar.between(np.maximum(pending, START), np.maximum(until, START)),
        )
        paused = (pending != ABSENT) & (due > pending)
        due = np.where(paused, after(target + np.where(paused, stood, 0)), due)
        suspended = paused & (back == ABSENT)
    state = np.select(
        [(ended != ABSENT) & (ended <= due), ended != ABSENT, ~suspended & (due < END)],
        ["met", "breached", "active_breached"],
        "active",
    )
    return cases.assign(sla_policy=policy.policy_id, sla_metric=metric, due=due, state=state)


def _flags(cases: pd.DataFrame) -> list[Block]:
    """The European desk's own flags, of all its cases."""
    flagged = cases[cases["source"] == "helpdesk_eu"].reset_index(drop=True)
    entries, subject = placed(flagged["opened"], len(flagged)), flagged["subject"].to_numpy()
    found: list[Block] = []
    for metric, variant, column in (
        ("sla_attainment", "source_flag", "is_sla_met"),
        ("timely_response", "source_flag", "is_timely"),
        ("timely_response", "closed_untimely", "is_closed_untimely"),
    ):
        measure = shares(metric, variant, flagged[column].to_numpy(), subject, censored=True)
        found += cut(flagged, entries, CASES, measure)
    return found


def _reopenings(cases: pd.DataFrame) -> list[Block]:
    back = happened(cases["reopened"])
    subject = cases["subject"].to_numpy()
    matured = happened(cases["resolved"]) & np.asarray(cases["resolved"] + 30 * DAY <= END)
    soon = back & np.asarray(cases["reopened"] - cases["resolved"] <= 30 * DAY)
    by_resolution = placed(cases["resolved"], len(cases))
    return [
        *cut(
            cases,
            by_resolution.only(matured[by_resolution.item]),
            CASES,
            shares("reopen_rate", "within_30_days", soon, subject, censored=True),
        ),
        *cut(
            cases,
            placed(cases["opened"], len(cases)),
            CASES,
            shares("reopen_rate", "ever_reopened", back, subject, censored=True),
        ),
    ]


def _backlog(cases: pd.DataFrame) -> list[Block]:
    """Open at the end of every period, or on the last day observed where that comes first.

    A cell once seen stays in.
    """
    first, last = local_day(cases["opened"]).min(), local_day(np.array([END - 1]))[0]
    days = np.arange(first, last + 1)
    case, night = _open_nights(cases, first)
    person = pd.factorize(cases["subject"])[0][case]
    ends = {g: (end_of(g, start_of(g, days)) == days + 1) | (days == last) for g in GRAINS}
    ends["all"] = days == last
    found: list[Block] = []
    for breakdown in BACKLOG:
        grains = GRAINS if breakdown in ("", "source") else COARSE
        values = cases[breakdown] if breakdown else pd.Series("", index=cases.index)
        member, names = pd.factorize(values.astype(object).where(values.notna(), "unknown"))
        place, shape = member[case] * len(days) + night, (len(names), len(days))
        people = np.unique(place * (person.max() + 1) + person) // (person.max() + 1)
        n_open, n_people = (np.bincount(p, minlength=shape[0] * shape[1]).reshape(shape) for p in (place, people))
        seen = (n_open > 0) & np.any([ends[g] for g in grains], axis=0)
        since = np.argmax(seen, axis=1)
        for grain in grains:
            nights = np.flatnonzero(ends[grain])
            which, nth = np.nonzero((nights[None, :] >= since[:, None]) & seen.any(axis=1)[:, None])
            told = nights[nth]
            n = n_open[which, told]
            parts: Parts = {"n_subjects": n_people[which, told], "numerator": n, "value": n}
            label = np.asarray(names, dtype=object)[which]
            code = np.full(len(n), GRAINS.index(grain))
            start = start_of(grain, days[told])
            found.append(Block("backlog", "open_at_period_end", breakdown, code, start, label, parts))
    return found


def _open_nights(cases: pd.DataFrame, first: np.datetime64) -> tuple[Ints, Ints]:
    """Case and night, by number from `first`, of every night on which a case was open.

    It is open from the day it came, or came back, until the day before it was resolved or closed.
    """
    until = {
        c: np.where(cases[c] == ABSENT, END, cases[c]) for c in ("resolved", "closed", "reopened", "resolved_again")
    }
    starts = np.concatenate([cases["opened"].to_numpy(), until["reopened"]])
    ends = np.concatenate([np.minimum(until["resolved"], until["closed"]), until["resolved_again"]])
    came, went = ((local_day(at) - first).astype(np.int64) for at in (starts, ends))
    nights = went - came
    night = np.arange(nights.sum()) - np.repeat(np.cumsum(nights) - nights, nights) + np.repeat(came, nights)
    return np.repeat(np.tile(np.arange(len(cases)), 2), nights), night
