"""Invitations, responses and answers of the sample company's surveys, and of the tablets in its shops.

Keep out: the forms they are asked in (exports) and the scales (reference).
"""

import numpy as np
import pandas as pd

from orchestration.sample import figures
from orchestration.sample.activity import HOUR, INVITED_UNTIL, daytime, normal
from orchestration.sample.clock import ABSENT, DAY, END, START, instant
from orchestration.sample.texts import compose
from orchestration.sample.world import World

# (survey, question, metric, position): the items that are scored.
SCORED = (
    ("nps_relationship", "nps_score", "nps", 1),
    ("csat_purchase", "overall", "csat", 1),
    ("csat_purchase", "quality", "driver", 2),
    ("csat_purchase", "delivery", "driver", 3),
    ("csat_purchase", "staff", "driver", 4),
    ("ces_service", "ease", "ces", 1),
    ("ces_service", "effort", "ces", 2),
)
EFFORT_SINCE = instant("2025-01-01T00:00:00")  # half of the forms ask the effort-worded item from then on


def build(world: World) -> None:
    """Create invitation, response, answer, answer_text, tablet."""
    _invitations(world)
    _answers(world)
    _tablets(world)


def _invitations(world: World) -> None:
    rng = world.rng("invitation")
    members = world.frame("select person from person where is_member order by 1")["person"].to_numpy()
    asked = []
    for quarter_end in (
        "2024-04-10",
        "2024-07-10",
        "2024-10-10",
        "2025-01-10",
        "2025-04-10",
        "2025-07-10",
        "2025-10-10",
    ):
        chosen = members[rng.random(len(members)) < 0.32]
        at = instant(f"{quarter_end}T10:00:00") + rng.integers(0, 6 * HOUR, len(chosen))
        asked.append(
            pd.DataFrame(
                {
                    "person": chosen,
                    "survey": "nps_relationship",
                    "at": at,
                    "store": 0,
                    "product": ABSENT,
                    "case": ABSENT,
                }
            )
        )
    bought = world.frame(
        "select person, b.at + 86400 as at, store, product from purchase as b join person using (person) where is_member order by purchase"
    )
    bought = bought[rng.random(len(bought)) < 0.5].assign(survey="csat_purchase", case=ABSENT)
    solved = world.frame(
        f"""select c.person, c.resolved + 7200 as at, c.store, c.product, c.case from case_ as c join person using (person)
            where c.source = 'helpdesk' and c.resolved <> {ABSENT} and is_member and not c.is_deleted order by c.case"""
    )
    solved = solved[rng.random(len(solved)) < 0.75].assign(survey="ces_service")
    frame = pd.concat([*asked, bought, solved], ignore_index=True)
    frame = frame[(frame["at"] >= START) & (frame["at"] < INVITED_UNTIL)].sort_values(["at", "person"], kind="stable")
    frame = frame.reset_index(drop=True)
    n = len(frame)
    sent = frame.pop("at").to_numpy()
    delivered = np.where(rng.random(n) >= figures.BOUNCE_RATE, sent + rng.integers(1, 90, n), ABSENT)
    reaches = delivered != ABSENT
    progress = rng.random(n)
    completes = reaches & (progress < figures.COMPLETION_RATE)
    starts = reaches & (progress < figures.COMPLETION_RATE + 0.04)
    opens = reaches & (progress < 0.62)
    started = np.where(
        starts, sent + 200 + np.ceil(rng.exponential(1.5 * DAY, n)).astype(np.int64).clip(0, 12 * DAY), ABSENT
    )
    frame.insert(0, "invitation", np.arange(n) + 1)
    frame["sent"] = sent
    frame["delivered"] = delivered
    frame["bounced"] = np.where(reaches, ABSENT, sent + 60)
    frame["opened"] = np.where(opens, np.where(starts, started - 60, sent + 1800), ABSENT)
    frame["started"] = started
    frame["completed"] = np.where(completes, started + rng.integers(40, 400, n), ABSENT)
    frame["channel"] = np.array(["email", "wechat", "sms"])[rng.integers(0, 3, n)]
    frame["incentive"] = np.where((frame["survey"] == "csat_purchase") & (rng.random(n) < 0.1), "points", "")
    world.add("invitation", frame)


def _answers(world: World) -> None:
    """One row per item answered; `score` is final (effort-worded items flipped), `raw` what the form stores."""
    rng = world.rng("answer")
    response = world.frame(
        f"""
        select invitation as response, person, survey, store, product, "case", channel,
            case when completed = {ABSENT} then started + 30 else completed end as at, completed <> {ABSENT} as is_complete
        from invitation where started <> {ABSENT} order by 1
        """
    )
    n = len(response)
    response["weight"] = np.round(np.exp(rng.normal(0, 0.25, n)), 3)
    asks_effort = (response["at"] >= EFFORT_SINCE).to_numpy() & (rng.random(n) < 0.5)
    response["wants_contact"] = rng.random(n) < 0.07
    parts = []
    for survey, question, metric, position in SCORED:
        item = response[response["survey"] == survey]
        k = len(item)
        if metric == "nps":
            score = rng.choice(11, k, p=normal(figures.NPS_SCORES))
        elif metric == "ces":
            score = 1 + rng.choice(7, k, p=normal(figures.CES_SCORES))
        else:
            score = 1 + rng.choice(5, k, p=normal(figures.CSAT_SCORES))
        keep = item["is_complete"].to_numpy() | (position == 1)
        if metric == "driver":
            keep = item["is_complete"].to_numpy()
        if metric == "ces":
            keep = asks_effort[item.index] == (question == "effort")
        declined = (rng.random(k) < 0.08) if metric == "driver" else np.zeros(k, dtype=bool)
        part = item[["response", "person", "survey", "at"]].assign(
            question=question,
            metric=metric,
            position=position,
            score=score,
            raw=(8 - score if question == "effort" else score),
            is_declined=declined,
        )
        parts.append(part[keep])
    answers = (
        pd.concat(parts, ignore_index=True).sort_values(["response", "position"], kind="stable").reset_index(drop=True)
    )
    response["asks_effort"] = asks_effort
    response["has_comment"] = response["is_complete"] & (rng.random(n) < 0.4)
    world.add("response", response)
    world.add("answer", answers)
    compose(
        world,
        "answer_text",
        """
        select r.response as slot, r.person, null::bigint as agent, p.language,
            case when a.score <= case when r.survey = 'nps_relationship' then 6 else 3 end then 'negative' else 'positive' end as tone,
            case when r.product < 0 then r.response % 12 else r.product end as product
        from response as r join person as p using (person) join (
            select response, arg_min(score, position) as score from answer group by response
        ) as a using (response)
        where r.has_comment
        """,
    )


def _tablets(world: World) -> None:
    rng = world.rng("tablet")
    n = int(world.count("person") * figures.STORE_ANSWERS_PER_CUSTOMER)
    at = np.sort(daytime(rng, n, START, END - DAY))
    world.add(
        "tablet",
        pd.DataFrame(
            {
                "tablet": np.arange(n) + 1,
                "at": at,
                "store": rng.integers(1, 6, n),
                "score": 1 + rng.choice(5, n, p=normal(figures.CSAT_SCORES)),
                "is_english": rng.random(n) < 0.1,
            }
        ),
    )
