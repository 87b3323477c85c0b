"""Every KPI of the first marts, computed from the model in pandas, for comparison with the marts.

Keep out: SQL of any mart. Rows that the gate refuses or that were deleted are left out here by the people's own story.
Definitions: the registry of metrics; times in the reporting zone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample import survival
from orchestration.sample.cases import POLICY_OF, PRIORITIES
from orchestration.sample.clock import ABSENT, DAY, END, START, Seconds, month_starts
from orchestration.sample.people import consents_of
from orchestration.sample.world import World

ZONE_OFFSET = 8 * 3600  # Asia/Shanghai has had no summer time since 1991
Bools = npt.NDArray[np.bool_]
Cell = dict[str, float | int | None]


@dataclass(frozen=True)
class View:
    """Who may be seen, and as which subject.

    consent: per person the span of analytics consent. subject: subject by 'source/account'.
    """

    consent: pd.DataFrame
    subject: pd.Series
    guarded: set[int]  # subjects under a guardian's consent
    erased: set[int]

    @classmethod
    def of(cls, world: World, subjects: pd.DataFrame) -> "View":
        lookup = pd.Series(subjects["subject"].to_numpy("int64"), index=subjects["source"] + "/" + subjects["account"])
        consent = consents_of(world.con).set_index("person")
        crm = subjects[subjects["source"] == "crm"]
        ward = consent.loc[crm["person"], "has_guardian"].to_numpy(bool) & ~consent.loc[
            crm["person"], "is_withdrawn"
        ].to_numpy(bool)
        gone = crm["person"].isin(world.frame("select person from erasure")["person"])
        return cls(consent, lookup, set(crm.loc[ward, "subject"]), set(crm.loc[gone, "subject"]))

    def subjects_of(self, source: "pd.Series | str", account: pd.Series, person: pd.Series) -> pd.Series:
        """Subject of each row; a number that no account carries is a subject of its own."""
        found = (source + "/" + account).map(self.subject)
        return found.fillna(-person.astype("int64") - 1).astype("int64")

    def unguarded(self, person: pd.Series) -> Bools:
        """Whether the person is a minor without a guardian's consent in force."""
        told = self.consent.loc[person]
        minded = told["has_guardian"].to_numpy(bool) & ~told["is_withdrawn"].to_numpy(bool)
        return np.asarray(told["is_minor"].to_numpy(bool) & ~minded)

    def consented(self, person: pd.Series, at: pd.Series) -> Bools:
        """Whether a row of a source that needs analytics consent passes: by jurisdiction, span and guardian."""
        told = self.consent.loc[person]
        needs = told["country"].isin(["CN", ""]).to_numpy()
        given, expires = told["given_at"].to_numpy(), told["expires_at"].to_numpy()
        moment = at.to_numpy()
        holds = (
            (given != ABSENT)
            & (given <= moment)
            & ((expires == ABSENT) | (moment < expires))
            & ~told["is_withdrawn"].to_numpy(bool)
        )
        unguarded = self.unguarded(person)
        # A guardian's consent is given for the same purpose as the ward's own.
        holds |= told["is_minor"].to_numpy(bool) & ~unguarded
        return np.asarray((~needs | holds) & ~unguarded)

    def allowed(self, person: pd.Series, subject: pd.Series) -> Bools:
        """Whether a row of a source that needs no consent passes: minors need a guardian known for the same subject."""
        ward = self.consent.loc[person, "is_minor"].to_numpy(bool)
        return np.asarray(~ward | subject.isin(self.guarded).to_numpy())

    def present(self, subject: pd.Series) -> Bools:
        return np.asarray(~subject.isin(self.erased))


def compute(world: World, view: View) -> pd.DataFrame:
    """Columns metric_id, variant, period_grain, period_start, breakdown, source, n, numerator, denominator, value."""
    rows = [
        *_surveys(world, view),
        *_cases(world, view),
        *_orders(world, view),
        *_calls(world, view),
        *_reviews(world, view),
        *_mentions(world),
    ]
    return pd.DataFrame(rows)


def tally(
    frame: pd.DataFrame,
    metric: str,
    variant: str,
    at: str | None,
    cell: Callable[[pd.DataFrame], Cell],
    *,
    all_only: bool = False,
) -> list[dict[str, object]]:
    """One row per grain (all, year, month), period and breakdown ('' and 'source'); `at` names the anchoring instant."""
    rows: list[dict[str, object]] = []
    if at is not None:
        local = pd.to_datetime(frame[at] + ZONE_OFFSET, unit="s")
        frame = frame.assign(_year=local.dt.strftime("%Y-01-01"), _month=local.dt.strftime("%Y-%m-01"))
    for breakdown, grains in (("", ("all", "year", "month")), ("source", ("all", "year", "month"))):
        for grain in ("all",) if all_only else grains:
            keys = ([] if grain == "all" else [f"_{grain}"]) + (["source"] if breakdown else [])
            groups = frame.groupby(keys, sort=True) if keys else [((), frame)]
            for key, group in groups:
                if not len(group):
                    continue
                named = dict(zip(keys, key, strict=True))
                rows.append(
                    {
                        "metric_id": metric,
                        "variant": variant,
                        "period_grain": grain,
                        "period_start": named.get(f"_{grain}", ""),
                        "breakdown": breakdown,
                        "source": named.get("source", ""),
                        **cell(group),
                    }
                )
    return rows


def part(n: int, numerator: float | int | None, denominator: float | int | None, scale: float = 100.0) -> Cell:
    """A share or mean with its parts; no denominator, no value."""
    value = scale * numerator / denominator if denominator and numerator is not None else None
    return {"n": n, "numerator": numerator, "denominator": denominator, "value": value}


def share(column: str) -> Callable[[pd.DataFrame], Cell]:
    """100 × rows where the column holds ÷ rows."""
    return lambda g: part(len(g), int(g[column].sum()), len(g))


def mean(column: str) -> Callable[[pd.DataFrame], Cell]:
    """Sum ÷ count of the values there are."""
    return lambda g: part(int(g[column].notna().sum()), float(g[column].sum()), int(g[column].notna().sum()), 1.0)


def _surveys(world: World, view: View) -> list[dict[str, object]]:
    invited = world.frame("invitation")
    account = "C" + invited["person"].astype(str).str.zfill(7)
    subject = view.subjects_of("crm", account, invited["person"])
    keep = view.consented(invited["person"], invited["sent"]) & view.present(subject)
    sent = invited[keep & (invited["delivered"] != ABSENT)].assign(source="survey_forms")
    sent["is_completed"] = sent["completed"] != ABSENT
    rows = tally(sent, "response_rate", "completed_of_delivered", "sent", share("is_completed"))

    answers = world.frame(
        "select a.*, r.weight from answer as a join response as r using (response) where not a.is_declined order by response, position"
    )
    answers["subject"] = view.subjects_of("crm", "C" + answers["person"].astype(str).str.zfill(7), answers["person"])
    answers = answers[view.consented(answers["person"], answers["at"]) & view.present(answers["subject"])].assign(
        source="survey_forms"
    )

    nps = answers[answers["metric"] == "nps"].copy()
    nps["sign"] = np.select([nps["score"] >= 9, nps["score"] < 7], [1, -1], 0)
    nps["weighted"] = nps["sign"] * nps["weight"]
    rows += tally(nps, "nps", "per_response", "at", lambda g: part(len(g), int(g["sign"].sum()), len(g)))
    rows += tally(
        nps, "nps", "weighted", "at", lambda g: part(len(g), float(g["weighted"].sum()), float(g["weight"].sum()))
    )

    def latest(group: pd.DataFrame) -> Cell:
        last = group.sort_values(["at", "response"]).drop_duplicates("subject", keep="last")
        return part(len(last), int(last["sign"].sum()), len(last))

    rows += tally(nps, "nps", "latest_per_subject", "at", latest)

    tablets = world.frame("select t.at, score from tablet as t").assign(source="store_tablet", weight=np.nan)
    csat = pd.concat(
        [answers.loc[answers["metric"] == "csat", ["at", "score", "source", "weight"]], tablets], ignore_index=True
    )
    csat["is_satisfied"] = csat["score"] >= 4
    weighed = csat[csat["weight"].notna()].assign(weight_satisfied=lambda f: f["weight"] * f["is_satisfied"])
    rows += tally(csat, "csat", "top2", "at", share("is_satisfied"))
    rows += tally(
        csat.assign(place=(csat["score"] - 1) / 4),
        "csat",
        "mean_pct",
        "at",
        lambda g: part(len(g), float(g["place"].sum()), len(g)),
    )
    rows += tally(
        weighed,
        "csat",
        "weighted_top2",
        "at",
        lambda g: part(len(g), float(g["weight_satisfied"].sum()), float(g["weight"].sum())),
    )

    reviews = _shown_reviews(world, view)
    rated = pd.concat(
        [
            csat[["at", "score", "source"]],
            reviews[["posted_at", "rating", "source"]].set_axis(["at", "score", "source"], axis=1),
        ],
        ignore_index=True,
    )
    rows += tally(rated, "rating_mean", "per_response", "at", mean("score"))

    ces = answers[answers["metric"] == "ces"].copy()
    ces["is_easy"], ces["is_hard"], ces["is_easy_5_7"] = ces["score"] >= 6, ces["score"] <= 2, ces["score"] >= 5
    rows += tally(ces, "ces", "pct_easy", "at", share("is_easy"))
    rows += tally(ces, "ces", "pct_easy_5_7", "at", share("is_easy_5_7"))
    rows += tally(ces, "ces", "mean", "at", mean("score"))
    rows += tally(
        ces, "ces", "net_easy", "at", lambda g: part(len(g), int(g["is_easy"].sum()) - int(g["is_hard"].sum()), len(g))
    )
    return rows


def _timed(frame: pd.DataFrame, metric: str, at: str, clocks: dict[str, str], unit: float) -> list[dict[str, object]]:
    """Kaplan-Meier quantiles and figures of finished items; `clocks`: clock → column of seconds, `happened` beside."""
    rows: list[dict[str, object]] = []
    for clock, column in clocks.items():
        for q in (50, 75, 90) if clock == "calendar" else (50, 90):

            def km(g: pd.DataFrame, q: int = q, column: str = column) -> Cell:
                value = survival.quantile(g[column].to_numpy(float) / unit, g["happened"].to_numpy(bool), q / 100)
                return {"n": len(g), "numerator": None, "denominator": len(g), "value": value}

            rows += tally(frame, metric, f"km_p{q}_{clock}", at, km)

        def finished(g: pd.DataFrame, column: str = column) -> Cell:
            done = g.loc[g["happened"], column] / unit
            return {
                "n": len(g),
                "numerator": float(done.sum()),
                "denominator": len(done),
                "value": float(done.mean()) if len(done) else None,
            }

        def middle(g: pd.DataFrame, column: str = column) -> Cell:
            done = g.loc[g["happened"], column] / unit
            return {
                "n": len(g),
                "numerator": None,
                "denominator": len(done),
                "value": float(done.median()) if len(done) else None,
            }

        rows += tally(frame, metric, f"mean_finished_{clock}", at, finished)
        if clock == "calendar":
            rows += tally(frame, metric, f"p50_finished_{clock}", at, middle)
    return rows


def _cases(world: World, view: View) -> list[dict[str, object]]:
    cases = world.frame('select * from case_ where not is_deleted order by "case"')
    subject = view.subjects_of(cases["source"], (700_000_000 + cases["person"]).astype(str), cases["person"])
    cases = cases[view.present(subject)].reset_index(drop=True)
    cohort = cases[~cases["is_merged"] & ~cases["is_spam"]].reset_index(drop=True)
    rows: list[dict[str, object]] = []
    for metric, column, unit in (("first_reply_minutes", "replied", 60.0), ("resolution_hours", "resolved", 3600.0)):
        until = cohort[column].where(cohort[column] != ABSENT, END)
        timed = cohort.assign(
            happened=cohort[column] != ABSENT, calendar=until - cohort["opened"], business=_business(cohort, until)
        )
        rows += _timed(timed, metric, "opened", {"calendar": "calendar", "business": "business"}, unit)

    instances = pd.concat(
        [_instances(cohort, p.source, metric) for p in POLICY_OF.values() for metric in ("first_reply", "resolution")]
    )
    settled = (
        instances[instances["state"] != "active"].assign(is_met=lambda f: f["state"] == "met").reset_index(drop=True)
    )
    rows += tally(settled, "sla_attainment", "house", "due", share("is_met"))
    flagged = cases[cases["source"] == "helpdesk_eu"]
    rows += tally(flagged, "sla_attainment", "source_flag", "opened", share("is_sla_met"))
    rows += tally(flagged, "timely_response", "source_flag", "opened", share("is_timely"))

    matured = cohort[(cohort["resolved"] != ABSENT) & (cohort["resolved"] + 30 * DAY <= END)]
    matured = matured.assign(
        is_back=(matured["reopened"] != ABSENT) & (matured["reopened"] - matured["resolved"] <= 30 * DAY)
    )
    rows += tally(matured, "reopen_rate", "within_30_days", "resolved", share("is_back"))
    rows += tally(
        cohort.assign(is_back=cohort["reopened"] != ABSENT), "reopen_rate", "ever_reopened", "opened", share("is_back")
    )

    asking = cohort[cohort["case_type"] != "praise"]
    for days, name in ((1, "within_1_day"), (3, "within_3_days"), (7, "within_7_days"), (30, "within_30_days")):
        old = asking[asking["opened"] + days * DAY <= END]
        old = old.assign(is_handled=(old["resolved"] != ABSENT) & (old["resolved"] - old["opened"] <= days * DAY))
        rows += [
            r for r in tally(old, "processing_rate", name, "opened", share("is_handled")) if r["breakdown"] == "source"
        ]

    rows += _backlog(cases)
    return rows


def _business(cases: pd.DataFrame, until: pd.Series) -> pd.Series:
    spans = pd.Series(0, index=cases.index, dtype="int64")
    for source, policy in POLICY_OF.items():
        mine = cases["source"] == source
        spans[mine] = policy.calendar.between(cases.loc[mine, "opened"].to_numpy(), until[mine].to_numpy())
    return spans


def _instances(cohort: pd.DataFrame, source: str, metric: str) -> pd.DataFrame:
    """One SLA instance per case: due and state. The clock of a resolution stands while the case is pending."""
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
    return pd.DataFrame({"source": source, "metric": metric, "due": due, "state": state})


def _backlog(cases: pd.DataFrame) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    ends = month_starts()
    spans = [("month", s, e) for s, e in zip(ends[:-1], ends[1:], strict=True)]
    spans += [("year", ends[0], ends[12]), ("year", ends[12], ends[24])]

    def before(column: str, t: int) -> pd.Series:
        return (cases[column] != ABSENT) & (cases[column] < t)

    for grain, start, t in spans:
        is_open = before("opened", t) & ~before("closed", t)
        is_open &= ~before("resolved", t) | (before("reopened", t) & ~before("resolved_again", t))
        period = str(pd.to_datetime(start + ZONE_OFFSET, unit="s").date())
        groups = {
            "": is_open.sum(),
            **cases.loc[is_open, "source"].value_counts().reindex(list(POLICY_OF), fill_value=0),
        }
        rows += [
            {
                "metric_id": "backlog",
                "variant": "open_at_period_end",
                "period_grain": grain,
                "period_start": period,
                "breakdown": "source" if source else "",
                "source": source,
                "n": int(n),
                "numerator": int(n),
                "denominator": None,
                "value": int(n),
            }
            for source, n in groups.items()
        ]
    return rows


def order_subjects(orders: pd.DataFrame, view: View) -> pd.Series:
    """The subject of each order by the way it names its customer: web account, member card, or a guest's number."""
    source = orders["identity"].map({"web": "web_shop", "member": "crm", "guest": "phone"})
    account = pd.Series(
        np.select(
            [orders["identity"] == "web", orders["identity"] == "member"],
            ["W" + (5_000_000 + orders["person"]).astype(str), "C" + orders["person"].astype(str).str.zfill(7)],
            orders["phone"].fillna(""),
        ),
        index=orders.index,
    )
    return view.subjects_of(source, account, orders["person"])


def _orders(world: World, view: View) -> list[dict[str, object]]:
    bought = world.frame(
        "select b.person, b.at, identity, phone from purchase as b join person as p using (person) order by purchase"
    )
    bought["subject"] = order_subjects(bought, view)
    bought = bought[view.allowed(bought["person"], bought["subject"]) & view.present(bought["subject"])]
    day = (bought["at"] + ZONE_OFFSET) // DAY
    boundaries = [(t + ZONE_OFFSET) // DAY for t in month_starts()]
    active = {b: set(bought.loc[(day < b) & (day >= b - 90), "subject"]) for b in [*boundaries, boundaries[-1] - 90]}
    rows: list[dict[str, object]] = []
    spans = [("month", s, e) for s, e in zip(boundaries[:-1], boundaries[1:], strict=True)]
    spans += [("year", boundaries[12], boundaries[24]), ("all", boundaries[-1] - 90, boundaries[-1])]
    for grain, start, end in spans:
        rows += _kept("inactive_90_days", grain, start, len(active[start] & active[end]), len(active[start]))

    paid = world.frame("select person, month, amount, currency from subscription order by person, month")
    paid["subject"] = view.subjects_of("web_shop", "W" + (5_000_000 + paid["person"]).astype(str), paid["person"])
    paid = paid[view.present(paid["subject"])]
    months = {m: g.set_index("subject") for m, g in paid.groupby("month")}
    # Who renews on the day observation ends is not known: the last month and year are left out.
    for grain, first, last in [("month", m, m + 1) for m in range(23)] + [("year", 0, 12)]:
        if first not in months:
            continue
        paying = months[first]
        later = (
            months[last]["amount"].reindex(paying.index) if last in months else pd.Series(np.nan, index=paying.index)
        )
        rows += _kept("logo", grain, boundaries[first], int(later.notna().sum()), len(paying))
    crm = world.frame("select person, is_churned from person where is_member order by 1")
    crm["subject"] = view.subjects_of("crm", "C" + crm["person"].astype(str).str.zfill(7), crm["person"])
    crm = crm[view.allowed(crm["person"], crm["subject"]) & view.present(crm["subject"])].assign(source="crm")
    rows += tally(crm, "churn_rate", "source_flag", None, share("is_churned"), all_only=True)
    return rows


def _kept(variant: str, grain: str, start: int, kept: int, at_start: int) -> list[dict[str, object]]:
    if not at_start:
        return []
    period = "" if grain == "all" else str(np.datetime64(start, "D"))
    return [
        {
            "metric_id": metric,
            "variant": variant,
            "period_grain": grain,
            "period_start": period,
            "breakdown": breakdown,
            "source": "web_shop" if breakdown else "",
            **part(at_start, hits, at_start),
        }
        for metric, hits in (("retention_rate", kept), ("churn_rate", at_start - kept))
        for breakdown in ("", "source")
    ]


def _calls(world: World, view: View) -> list[dict[str, object]]:
    calls = world.frame(
        "select c.* exclude (person), c.person as caller, p.phone from call as c left join person as p on p.person = c.person"
        " where not is_outbound order by call"
    )
    known = calls["caller"] != ABSENT
    subject = view.subjects_of("phone", calls["phone"].fillna(""), calls["caller"])
    calls = calls[~known | view.present(subject)].assign(source="telephony")
    answered = calls["answered_at"] != ABSENT
    calls["gave_up"] = ~answered & (calls["wait"] >= 5)
    calls["gave_up_at_once"] = ~answered & (calls["wait"] < 5)
    calls["in_time"] = answered & (calls["wait"] <= 20)
    rows = tally(calls, "call_abandon_rate", "after_5_s", "at", share("gave_up"))
    rows += tally(
        calls,
        "call_service_level",
        "within_20_s",
        "at",
        lambda g: part(len(g), int(g["in_time"].sum()), len(g) - int(g["gave_up_at_once"].sum())),
    )
    talked = calls[answered].assign(handling=lambda f: f["talk"] + f["hold"] + f["wrap_up"])
    rows += tally(talked, "call_answer_seconds", "mean", "at", mean("wait"))
    rows += tally(talked, "call_handle_seconds", "mean", "at", mean("handling"))
    return rows


def _shown_reviews(world: World, view: View) -> pd.DataFrame:
    reviews = world.frame("select * from review where review % 211 <> 5 order by review").assign(source="reviews")
    subject = view.subjects_of("web_shop", "W" + (5_000_000 + reviews["person"]).astype(str), reviews["person"])
    return reviews[~reviews["is_shop"] | view.present(subject)].reset_index(drop=True)


def _reviews(world: World, view: View) -> list[dict[str, object]]:
    reviews = _shown_reviews(world, view)
    reviews["is_low"] = reviews["rating"] <= 2
    rows = tally(reviews, "review_low_share", "at_most_2", "posted_at", share("is_low"))
    rows += tally(reviews, "recommend_rate", "per_response", "posted_at", share("is_recommended"))
    awaited = reviews["edited_at"].where(reviews["edited_at"] != ABSENT, reviews["posted_at"])
    happened = reviews["replied_at"] != ABSENT
    until = reviews["replied_at"].where(happened, END)
    reviews = reviews.assign(awaited=awaited, happened=happened, calendar=until - awaited)
    timed = reviews[reviews["calendar"] >= 0]
    rows += _timed(timed, "review_reply_hours", "posted_at", {"calendar": "calendar"}, 3600.0)
    for hours in (24, 72):
        old = timed[timed["awaited"] + hours * 3600 <= END]
        old = old.assign(in_time=old["happened"] & (old["calendar"] <= hours * 3600))
        rows += tally(old, "review_replied_share", f"within_{hours}_h", "posted_at", share("in_time"))
    return rows


def _mentions(world: World) -> list[dict[str, object]]:
    posts = world.frame("select * from mention order by mention").assign(source="social")
    count = tally(
        posts,
        "mentions",
        "count",
        "at",
        lambda g: {"n": len(g), "numerator": len(g), "denominator": None, "value": len(g)},
    )
    old = posts[posts["at"] + DAY <= END]
    old = old.assign(in_time=(old["replied_at"] != ABSENT) & (old["replied_at"] - old["at"] <= DAY))
    return count + tally(old, "mention_replied_share", "within_24_h", "at", share("in_time"))
