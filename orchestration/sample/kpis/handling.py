"""The processing rate: received items that call for handling, whatever the channel, and when they were handled.

Keep out: times and promises of cases (cases).
"""

import numpy as np
import pandas as pd

from orchestration.sample.clock import ABSENT, DAY, END
from orchestration.sample.kpis import contacts
from orchestration.sample.kpis.cases import CASES, cohort, standing
from orchestration.sample.kpis.cells import GRAINS, Block, Placed, cut, end_of, happened, local_day, placed, shares
from orchestration.sample.kpis.view import View
from orchestration.sample.world import World

ITEMS = tuple(b for b in CASES if b not in ("source,priority", "source,category"))
WINDOWS = {"within_1_day": 1, "within_3_days": 3, "within_7_days": 7, "within_30_days": 30}
MOST_STARS = 3  # reviews above the middle ask for nothing


def blocks(world: World, view: View) -> list[Block]:
    """processing_rate, by days since receipt of matured items, and by the period of receipt."""
    items = pd.concat(
        [_cases(world, view), _answers(world, view), _reviews(world, view), _posts(world)], ignore_index=True
    )
    # What was handled before it came is a finding, and no item.
    items = items[~happened(items["handled"]) | (items["handled"] >= items["at"])].reset_index(drop=True)
    entries = placed(items["at"], len(items))
    subject, handled = items["subject"].to_numpy(), happened(items["handled"])
    spent = (items["handled"] - items["at"]).to_numpy()
    found: list[Block] = []
    for variant, days in WINDOWS.items():
        matured = (items["at"] + days * DAY <= END).to_numpy()
        hits = handled & (spent <= days * DAY)
        measure = shares("processing_rate", variant, hits, subject, censored=True)
        found += cut(items, entries.only(matured[entries.item]), ITEMS, measure)
    return found + _by_period(items, entries)


def _by_period(items: pd.DataFrame, entries: Placed) -> list[Block]:
    """Handled before the period of receipt was over; in grain all, handled at all."""
    handled = happened(items["handled"])[entries.item]
    day = local_day(items["handled"])[entries.item]
    in_time = np.zeros(len(entries.item), dtype=bool)
    for code, grain in enumerate(GRAINS):
        mine = entries.grain == code
        over = end_of(grain, entries.start[mine])
        in_time[mine] = handled[mine] & ((day[mine] < over) | (grain == "all"))
    # One row per item and period: whether it was handled in time depends on both.
    every = items.iloc[entries.item].reset_index(drop=True)
    own = Placed(np.arange(len(every)), entries.grain, entries.start)
    measure = shares("processing_rate", "period", in_time, every["subject"].to_numpy(), censored=True)
    return cut(every, own, ITEMS, measure)


def _cases(world: World, view: View) -> pd.DataFrame:
    cases = cohort(standing(world, view))
    return cases[cases["case_type"] != "praise"].assign(at=lambda f: f["opened"], handled=lambda f: f["resolved"])


def _answers(world: World, view: View) -> pd.DataFrame:
    """Responses that ask for contact, if anything was answered; a follow-up of any of its answers handles it."""
    answers = world.frame(
        """
        with given as (
            select response from answer where not is_declined
            union
            select slot from answer_text
        )
        select response, r.person, r.at, r.channel, r.store
        from given join response as r using (response) where r.wants_contact order by response
        """
    )
    subject = view.subjects_of("crm", "C" + answers["person"].astype(str).str.zfill(7), answers["person"])
    seen = view.consented(answers["person"], answers["at"]) & view.present(subject)
    followed = world.frame(
        "select response, min(a.shipped) as handled from action as a join action_answer as f using (action)"
        f" where a.kind = 'follow_up' and a.shipped <> {ABSENT} group by response"
    ).set_index("response")["handled"]
    return answers[seen].assign(
        source="survey_forms",
        store=contacts.codes_of_stores(answers["store"]),
        subject=subject,
        handled=answers["response"].map(followed).fillna(ABSENT).astype("int64"),
    )


def _reviews(world: World, view: View) -> pd.DataFrame:
    found = contacts.reviews(world, view)
    found = found[found["rating"] <= MOST_STARS]
    return found[["source", "channel", "subject"]].assign(at=found["posted_at"], handled=found["replied_at"])


def _posts(world: World) -> pd.DataFrame:
    posts = contacts.posts(world)
    return posts[["source", "channel", "at", "subject"]].assign(handled=posts["replied_at"])
