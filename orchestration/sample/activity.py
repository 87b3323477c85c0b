"""What the sample company's customers do outside of cases: buy, subscribe, use the app, answer, call, review, post.

Keep out: cases (cases.py), and how any of it is exported. Ids are numbers here; instants are seconds, ABSENT for none.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample import figures, phrases
from orchestration.sample.clock import ABSENT, CUT, DAY, END, START, Seconds, instant, month_starts
from orchestration.sample.texts import compose
from orchestration.sample.world import World

HOUR = 3600
INVITED_UNTIL = instant("2025-11-10T00:00:00")  # so that every invitation is old enough to count
PLANS = (19.0, 39.0, 59.0)


def products(world: World) -> None:
    """Create product_name (product, language, name)."""
    rows = [(i, lang, p[column]) for i, p in enumerate(phrases.PRODUCTS) for lang, column in (("zh", 1), ("en", 2))]
    world.add("product_name", pd.DataFrame(rows, columns=["product", "language", "name"]))


def build(world: World) -> None:
    """Create purchase, subscription, usage, call, review, mention, note, training, cost."""
    _purchases(world)
    _subscriptions(world)
    _usage(world)
    _calls(world)
    _reviews(world)
    _mentions(world)
    _notes(world)
    _programme(world)


def daytime(rng: np.random.Generator, n: int, start: int = START, end: int = END) -> Seconds:
    """Instants between start and end, 08:00-22:00 in Shanghai."""
    days = rng.integers(0, (end - start) // DAY, n)
    return np.asarray(start + days * DAY + 8 * HOUR + rng.integers(0, 14 * HOUR, n), dtype=np.int64)


def before_end(at: Seconds) -> Seconds:
    """What lies behind the end of observation did not happen yet."""
    return np.where((at >= START) & (at < END), at, ABSENT)


def _purchases(world: World) -> None:
    rng = world.rng("purchase")
    people = world.frame(
        """
        select p.person, coalesce(p.country, '') as country, p.is_minor, p.is_member, p.phone is not null and p.country is not null
            and p.country <> 'US' as can_guest, w.person is not null as has_web
        from person as p left join account as w on w.person = p.person and w.source = 'web_shop'
        order by p.person
        """
    )
    n = len(people)
    count = np.where(rng.random(n) < figures.BUY_ONCE, 1, 1 + rng.geometric(1 / figures.FURTHER_PURCHASES_MEAN, n))
    first = daytime(rng, n, START, END - 30 * DAY)
    who = np.repeat(np.arange(n), count)
    m = len(who)
    opening = np.concatenate([[0], np.cumsum(count)[:-1]])
    gap_days = np.ceil(rng.exponential(figures.PURCHASE_GAP_MEAN_DAYS, m)).astype(np.int64)
    gap_days[opening] = 0
    running = np.cumsum(gap_days)
    offset = running - np.repeat(running[opening], count)
    at = first[who] + offset * DAY + rng.integers(0, 5 * HOUR, m)
    person = people.iloc[who].reset_index(drop=True)
    way = rng.random(m)
    has_web, member, minor = (person[c].to_numpy(bool) for c in ("has_web", "is_member", "is_minor"))
    identity = np.select(
        [
            person["can_guest"].to_numpy(bool) & ~minor & (way < 0.05),
            has_web & ((way < 0.62) | ~member | minor),
            member & ~minor,
        ],
        ["guest", "web", "member"],
        "",
    )
    currency = np.select([person["country"].isin(["DE", "FR"]), person["country"] == "US"], ["EUR", "USD"], "CNY")
    median = pd.Series(currency).map(figures.PURCHASE_MEDIAN).to_numpy()
    amount = np.round(median * np.exp(rng.normal(0, figures.PURCHASE_SIGMA, m)), 2)
    frame = pd.DataFrame(
        {
            "person": person["person"].to_numpy(),
            "at": at,
            "identity": identity,
            "amount": amount,
            "currency": currency,
            "cost": np.round(amount * 0.62, 2),
            "quantity": rng.integers(1, 4, m),
            "product": rng.integers(0, len(phrases.PRODUCTS), m),
            "store": np.where(identity == "member", rng.integers(1, 6, m), 0),
            "is_refunded": rng.random(m) < 0.06,
            "refund_after": rng.integers(DAY, 20 * DAY, m),
        }
    )
    frame = frame[(frame["identity"] != "") & (frame["at"] < END - DAY)].reset_index(drop=True)
    frame.insert(0, "purchase", np.arange(len(frame)) + 1)
    frame["refunded_at"] = np.where(
        frame.pop("is_refunded"), before_end((frame["at"] + frame.pop("refund_after")).to_numpy()), ABSENT
    )
    world.add("purchase", frame)


def _subscriptions(world: World) -> None:
    rng = world.rng("subscription")
    people = world.frame(
        """
        select a.person, coalesce(p.country, '') as country from account as a join person as p using (person)
        where a.source = 'web_shop' and not p.is_minor and not a.shares_mailbox order by a.person
        """
    )
    people = people[rng.random(len(people)) < 0.17].reset_index(drop=True)
    n, months = len(people), len(month_starts()) - 1
    start = rng.integers(0, months - 2, n)
    # Billed three days ahead, so that who is under contract when observation ends is known.
    length = np.minimum(rng.geometric(figures.SUBSCRIPTION_MONTHLY_CHURN, n), months + 1 - start)
    plan = rng.integers(0, 3, n)
    changes = np.where(rng.random(n) < 0.2, rng.integers(1, 12, n), 99)
    upward = rng.random(n) < 0.7
    who = np.repeat(np.arange(n), length)
    nth = np.arange(len(who)) - np.repeat(np.concatenate([[0], np.cumsum(length)[:-1]]), length)
    later = np.clip(np.where(upward, plan + 1, plan - 1), 0, 2)
    current = np.where(nth >= changes[who], later[who], plan[who])
    euro = people["country"].isin(["DE", "FR"]).to_numpy()
    world.add(
        "subscription",
        pd.DataFrame(
            {
                "person": people["person"].to_numpy()[who],
                "month": start[who] + nth,
                "at": np.array(month_starts())[start[who] + nth] - 3 * DAY + 8 * HOUR,
                "amount": np.array(PLANS)[current] / np.where(euro[who], 2, 1),
                "currency": np.where(euro[who], "EUR", "CNY"),
            }
        ),
    )


def _usage(world: World) -> None:
    rng = world.rng("usage")
    people = world.frame(
        "select a.person from account as a join person as p using (person)"
        " where a.source = 'web_shop' and not p.is_minor order by 1"
    )["person"].to_numpy()
    people = people[rng.random(len(people)) < 0.4]
    count = rng.poisson(20, len(people))
    who = np.repeat(people, count)
    frame = pd.DataFrame(
        {
            "person": who,
            "day": rng.integers(0, (END - START) // DAY, len(who)),
            "feature": rng.integers(0, 5, len(who)),
            "uses": rng.integers(1, 12, len(who)),
        }
    ).drop_duplicates(["person", "day", "feature"])
    world.add("usage", frame)


def _calls(world: World) -> None:
    rng = world.rng("call")
    people = world.frame(
        "select person, country, language, style, phone from person where phone is not null and country is not null"
        " and country <> 'US' and not is_minor order by person"
    )
    count = rng.poisson(figures.CALLS_PER_CUSTOMER, len(people))
    who = np.repeat(people["person"].to_numpy(), count)
    n = len(who)
    strangers = max(12, n // 20)  # callers from a landline, of whom nothing is known
    n += strangers
    outbound = rng.random(n) < 0.08
    wait = np.ceil(rng.exponential(15, n)).astype(np.int64)
    answered = rng.random(n) > np.clip(0.02 + wait / 700, 0, 0.9)
    at = daytime(rng, n, START, END - DAY)
    talk = np.where(answered, np.ceil(np.exp(rng.normal(5.2, 0.8, n))), 0).astype(np.int64)
    hold = np.where(answered & (rng.random(n) < 0.2), rng.integers(10, 180, n), 0)
    world.add(
        "call",
        pd.DataFrame(
            {
                "call": np.arange(n) + 1,
                "person": np.concatenate([who, np.full(strangers, ABSENT)]),
                "at": at,
                "is_outbound": outbound,
                "wait": wait,
                "answered_at": np.where(answered, at + wait, ABSENT),
                "ended_at": at + wait + talk + hold,
                "talk": talk,
                "hold": hold,
                "wrap_up": np.where(answered, rng.integers(5, 120, n), 0),
                "transfers": np.where(answered, rng.poisson(0.15, n), 0),
                "agent": rng.integers(0, 8, n) * 6 + 3,  # team phone_cn
                "queue": rng.integers(0, 3, n),
                "store": rng.integers(0, 6, n),
                "style": rng.integers(0, 1 << 20, n),
                "product": rng.integers(0, len(phrases.PRODUCTS), n),
            }
        ),
    )
    compose(
        world,
        "call_text",
        f"""
        select call as slot, nullif(c.person, {ABSENT}) as person, agent, coalesce(p.language, 'zh') as language,
            'call' as tone, product
        from call as c left join person as p on p.person = c.person where answered_at <> {ABSENT}
        """,
    )


def _reviews(world: World) -> None:
    rng = world.rng("review")
    people = world.frame(
        """
        select p.person, a.person is not null and not coalesce(a.shares_mailbox, false) as has_web
        from person as p left join account as a on a.person = p.person and a.source = 'web_shop'
        where not p.is_minor order by p.person
        """
    )
    count = rng.poisson(figures.REVIEWS_PER_CUSTOMER, len(people))
    who = np.repeat(np.arange(len(people)), count)
    n = len(who)
    is_shop = people["has_web"].to_numpy(bool)[who] & (rng.random(n) < 0.65)
    rating = 1 + rng.choice(5, n, p=normal(figures.REVIEW_RATINGS))
    posted = daytime(rng, n, START, END - DAY)
    hours = np.where(
        is_shop,
        np.exp(rng.normal(np.log(figures.SHOP_REPLY_MEDIAN_HOURS), figures.SHOP_REPLY_SIGMA, n)),
        np.exp(rng.normal(np.log(figures.APP_REPLY_MEDIAN_HOURS), figures.APP_REPLY_SIGMA, n)),
    )
    is_replied = rng.random(n) < np.array(figures.REPLIED_BY_RATING)[rating - 1]
    replied = np.where(is_replied, before_end(posted + np.ceil(hours * HOUR).astype(np.int64)), ABSENT)
    skewed = np.flatnonzero(replied != ABSENT)[:3]  # the platform's clock ran ahead: a negative reply time
    replied[skewed] = posted[skewed] - 7200
    edited = np.where(
        (replied > posted) & (rng.random(n) < 0.12), before_end(replied + rng.integers(HOUR, 9 * DAY, n)), ABSENT
    )
    world.add(
        "review",
        pd.DataFrame(
            {
                "review": np.arange(n) + 1,
                "person": people["person"].to_numpy()[who],
                "is_shop": is_shop,
                "rating": rating,
                "is_recommended": rng.random(n) < np.array(figures.RECOMMENDED_BY_RATING)[rating - 1],
                "posted_at": posted,
                "replied_at": replied,
                "edited_at": edited,
                "helpful": rng.poisson(1.2, n),
                "agent": rng.integers(0, 8, n) * 6,
                "product": rng.integers(0, len(phrases.PRODUCTS), n),
                "has_text": rng.random(n) >= figures.REVIEW_WITHOUT_TEXT,
                "version": rng.integers(0, 6, n),
            }
        ),
    )
    # Staff are named in a review only where every export of it tells who answered.
    names_agent = f"replied_at <> {ABSENT} and (replied_at < {CUT} or posted_at >= {CUT})"
    compose(
        world,
        "review_text",
        f"select review as slot, r.person, case when {names_agent} then agent end as agent, language,"
        " case when rating <= 3 then 'negative' else 'positive' end as tone,"
        " product from review as r join person using (person) where has_text",
    )
    compose(
        world,
        "review_reply_text",
        f"select review as slot, r.person, agent, language, 'reply' as tone, product from review as r join person using (person)"
        f" where replied_at <> {ABSENT}",
        0.04,
    )


def normal(shares: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Shares that add up to one."""
    values = np.array(shares)
    return np.asarray(values / values.sum(), dtype=np.float64)


def _mentions(world: World) -> None:
    rng = world.rng("mention")
    people = world.frame("select person from person where not is_minor order by 1")["person"].to_numpy()
    who = np.repeat(people, rng.poisson(figures.MENTIONS_PER_CUSTOMER, len(people)))
    n = len(who)
    at = daytime(rng, n, START, END - DAY)
    reply = before_end(at + np.ceil(np.exp(rng.normal(np.log(9 * HOUR), 1.3, n))).astype(np.int64))
    world.add(
        "mention",
        pd.DataFrame(
            {
                "mention": np.arange(n) + 1,
                "person": who,
                "at": at,
                "platform": rng.integers(0, 3, n),
                "reach": np.ceil(np.exp(rng.normal(6.2, 1.6, n))).astype(np.int64),
                "reactions": rng.poisson(4, n),
                "replied_at": np.where(rng.random(n) < 0.35, reply, ABSENT),
                "agent": rng.integers(0, 8, n) * 6 + 1,
                "product": rng.integers(0, len(phrases.PRODUCTS), n),
            }
        ),
    )
    compose(
        world,
        "mention_text",
        f"select mention as slot, m.person, case when replied_at <> {ABSENT} then agent end as agent, language, 'post' as tone,"
        " product from mention as m join person using (person)",
    )
    compose(
        world,
        "mention_reply_text",
        f"select mention as slot, m.person, agent, language, 'reply' as tone, product from mention as m join person using (person)"
        f" where replied_at <> {ABSENT}",
        0.02,
    )


def _notes(world: World) -> None:
    rng = world.rng("note")
    people = world.frame("select person from person where is_member and not is_minor order by 1")["person"].to_numpy()
    who = np.repeat(people, rng.poisson(figures.NOTES_PER_CUSTOMER, len(people)))
    n = len(who)
    method = rng.integers(0, 6, n)
    world.add(
        "note",
        pd.DataFrame(
            {
                "note": np.arange(n) + 1,
                "person": np.where(method == 4, ABSENT, who),  # staff notes speak of no one person
                "at": daytime(rng, n, START, END - DAY),
                "method": method,
                "agent": rng.integers(0, 48, n),
                "store": rng.integers(1, 7, n),
                "product": rng.integers(0, len(phrases.PRODUCTS), n),
            }
        ),
    )
    compose(
        world,
        "note_text",
        f"select note as slot, nullif(n.person, {ABSENT}) as person, agent, coalesce(language, 'zh') as language,"
        " 'interview' as tone, product from note as n left join person as p on p.person = n.person",
        0.2,
    )


def _programme(world: World) -> None:
    rng = world.rng("programme")
    agents = np.repeat(np.arange(48), 3)
    n = len(agents)
    world.add(
        "training",
        pd.DataFrame(
            {
                "training": np.arange(n) + 1,
                "agent": agents,
                "course": rng.integers(0, 4, n),
                "at": daytime(rng, n, START, END - 10 * DAY),
                "hours": rng.integers(1, 9, n),
                "result": rng.integers(55, 101, n),
            }
        ),
    )
    months = len(month_starts()) - 1
    lines = months * 4
    world.add(
        "cost",
        pd.DataFrame(
            {
                "cost": np.arange(lines) + 1,
                "month": np.repeat(np.arange(months), 4),
                "cost_type": np.tile(np.arange(4), months),
                "hours": rng.integers(0, 120, lines),
                "amount": np.round(rng.uniform(800, 20_000, lines), 2),
            }
        ),
    )
