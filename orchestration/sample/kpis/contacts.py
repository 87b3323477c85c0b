"""Figures of calls, reviews and posts.

Keep out: how long cases take (cases), and what of all that was handled (handling).
"""

import numpy as np
import pandas as pd

from orchestration.sample.clock import ABSENT, DAY, END, REVIEW_DESK
from orchestration.sample.exports import PLATFORMS
from orchestration.sample.kpis.cells import (
    Block,
    Group,
    Parts,
    cut,
    happened,
    nobody,
    part,
    placed,
    quantile,
    refused,
    shares,
    timed,
)
from orchestration.sample.kpis.view import View
from orchestration.sample.world import World

CALLS = ("", "source", "team", "store", "language", "source,team")
REVIEWS = ("", "source", "channel", "product", "store", "language")
POSTS = ("", "source", "channel", "product", "language")


def sku(product: pd.Series) -> pd.Series:
    """Codes of products."""
    return "P" + (product + 1).astype(str).str.zfill(3)


def codes_of_stores(number: pd.Series) -> pd.Series:
    """Codes of shops; 0 is none."""
    return ("S" + number.astype(str).str.zfill(2)).where(number > 0)


def blocks(world: World, view: View) -> list[Block]:
    """Metrics of calls, reviews and mentions."""
    return [*_calls(world, view), *_reviews(world, view), *_mentions(world)]


def _calls(world: World, view: View) -> list[Block]:
    calls = world.frame(
        f"""
        select c.* exclude (person), c.person as caller, p.phone, coalesce(p.language, 'zh') as language,
            is_national(p.country, c.style) as is_national,
            case when c.person = {ABSENT} then caller_number(c.call, c.person, p.phone, p.country, c.style)
                else c.call::varchar end as named
        from call as c left join person as p on p.person = c.person where not is_outbound order by call
        """
    )
    # A landline is nobody's own number, and one without its country's code might be anybody's: it tells no callers
    # apart.
    known = (calls["caller"] != ABSENT) & ~calls["is_national"]
    subject = view.subjects_of("phone", calls["phone"].fillna(""), calls["caller"])
    calls["subject"] = subject.where(known, nobody("call", calls, calls["named"]))
    calls = calls[~known | view.present(calls["subject"])].reset_index(drop=True)
    calls = calls.assign(source="telephony", team="phone_cn", store=codes_of_stores(calls["store"]))
    answered = happened(calls["answered_at"])
    wait = calls["wait"].to_numpy()
    late, at_once, in_time = ~answered & (wait >= 5), ~answered & (wait < 5), answered & (wait <= 20)
    seconds = {
        "call_answer_seconds": np.where(answered, wait, np.nan),
        "call_handle_seconds": np.where(answered, calls["talk"] + calls["hold"] + calls["wrap_up"], np.nan),
    }

    def measure(group: Group) -> dict[tuple[str, str], Parts]:
        n, subjects = group.count(), group.distinct(calls["subject"].to_numpy())
        told = {
            ("call_abandon_rate", "after_5_s"): part(group.count(late), n, subjects=subjects),
            ("call_service_level", "within_20_s"): part(
                group.count(in_time), n - group.count(at_once), eligible=n, subjects=subjects
            ),
        }
        n_answered = group.count(answered)
        for metric, spent in seconds.items():
            whole = np.where(n_answered == 0, np.nan, group.total(spent))
            told[metric, "mean"] = part(whole, n_answered, 1.0, eligible=n, subjects=subjects)
            told[metric, "p90"] = part(
                None, n_answered, value=quantile(group, spent, 0.9), eligible=n, subjects=subjects
            )
        return told

    return refused(cut(calls, placed(calls["at"], len(calls)), CALLS, measure), {})  # calls rest on other grounds


def reviews(world: World, view: View) -> pd.DataFrame:
    """Reviews that stand, with subject (a nickname proves nobody) and dimensions."""
    found = world.frame(
        """
        select r.*, p.language, nickname(r.person) as nickname from review as r join person as p using (person)
        where review % 211 <> 5 order by review
        """
    )
    account = view.subjects_of("web_shop", "W" + (5_000_000 + found["person"]).astype(str), found["person"])
    found["subject"] = account.where(found["is_shop"], nobody("review", found, found["nickname"]))
    found = found[view.present(found["subject"])].reset_index(drop=True)
    return found.assign(
        source="reviews",
        channel=np.where(found["is_shop"], "web", "app_store"),
        product=sku(found["product"]).where(found["is_shop"]),
    )


def _reviews(world: World, view: View) -> list[Block]:
    found = reviews(world, view)
    subject = found["subject"].to_numpy()
    every = placed(found["posted_at"], len(found))
    low = (found["rating"] <= 2).to_numpy()
    cells = cut(found, every, REVIEWS, shares("review_low_share", "at_most_2", low, subject))
    recommended = found["is_recommended"].to_numpy()
    cells += cut(found, every, REVIEWS, shares("recommend_rate", "per_response", recommended, subject))

    awaited = found["edited_at"].where(happened(found["edited_at"]), found["posted_at"])
    until = found["replied_at"].where(happened(found["replied_at"]), END)
    clocks = found.assign(
        awaited=awaited,
        wait=until - awaited,
        business=REVIEW_DESK.between(awaited.to_numpy(), until.to_numpy()),
        is_replied=happened(found["replied_at"]),
    )
    # A reply older than the review's last wording is a finding and no reply time.
    clocks = clocks[clocks["wait"] >= 0].reset_index(drop=True)
    subject, replied = clocks["subject"].to_numpy(), clocks["is_replied"].to_numpy()
    wait = clocks["wait"].to_numpy()
    entries = placed(clocks["posted_at"], len(clocks))
    for clock, spent in (("calendar", wait), ("business", clocks["business"].to_numpy())):
        cells += cut(clocks, entries, REVIEWS, timed("review_reply_hours", clock, spent / 3600.0, replied, subject))
    for hours in (24, 72):
        mature = (clocks["awaited"] + hours * 3600 <= END).to_numpy()
        hits = replied & (wait <= hours * 3600)
        measure = shares("review_replied_share", f"within_{hours}_h", hits, subject)
        cells += cut(clocks, entries.only(mature[entries.item]), REVIEWS, measure)
    return cells


def posts(world: World) -> pd.DataFrame:
    """Posts with their dimensions; an author's name proves nobody."""
    found = world.frame(
        """
        select m.*, p.language, author_handle(m.person) as author
        from mention as m join person as p using (person) order by mention
        """
    )
    return found.assign(
        source="social",
        channel=np.array(PLATFORMS, dtype=object)[found["platform"]],
        product=sku(found["product"]),
        subject=nobody("mention", found, found["author"]),
    )


def _mentions(world: World) -> list[Block]:
    found = posts(world)
    subject = found["subject"].to_numpy()

    def count(group: Group) -> dict[tuple[str, str], Parts]:
        n = group.count()
        told: Parts = {**part(n, n, value=n, subjects=group.distinct(subject)), "denominator": None}
        return {("mentions", "count"): told}

    entries = placed(found["at"], len(found))
    mature = (found["at"] + DAY <= END).to_numpy()
    hits = happened(found["replied_at"]) & np.asarray(found["replied_at"] - found["at"] <= DAY)
    cells = [
        *cut(found, entries, POSTS, count),
        *cut(
            found,
            entries.only(mature[entries.item]),
            POSTS,
            shares("mention_replied_share", "within_24_h", hits, subject),
        ),
    ]
    return refused(cells, {})  # and so do posts
