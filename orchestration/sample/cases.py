"""Cases of the two helpdesks with everything that happened to them, and the SLA policies they run under.

Keep out: how helpdesks export them. The milestones are kept as columns (one row a case): truth is computed from those,
never from the event log that is written out of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.sample import figures
from orchestration.sample.activity import HOUR, daytime
from orchestration.sample.clock import ABSENT, BERLIN, DAY, END, SHANGHAI, START, Calendar, Seconds, instant
from orchestration.sample.texts import compose
from orchestration.sample.world import World

DELETED = 5
PRIORITIES = ("urgent", "high", "normal", "low")
TYPES = ("service_complaint", "product_defect", "question", "suggestion", "praise", "other")
CATEGORIES = ("delivery", "quality", "refund", "store_service", "invoice", "membership")
TARGET_METRICS = ("first_reply", "resolution")


@dataclass(frozen=True)
class Policy:
    """Targets of one helpdesk in minutes, by priority.

    Business time except where `around_the_clock` names a priority.
    """

    policy_id: str
    source: str
    calendar: Calendar
    first_reply: tuple[int, int, int, int]
    resolution: tuple[int, int, int, int]
    around_the_clock: tuple[str, ...] = ()


POLICIES = (
    Policy("house_cn", "helpdesk", SHANGHAI, (30, 60, 120, 240), (240, 480, 1440, 2880)),
    Policy("house_eu", "helpdesk_eu", BERLIN, (240, 120, 240, 480), (480, 960, 2400, 4800), ("urgent",)),
)
POLICY_OF = {p.source: p for p in POLICIES}
# The hour that local clocks show twice, and only a zone could tell apart: nothing happens in it at the Berlin desk.
REPEATED_HOURS = tuple(
    (instant(f"{day}T00:00:00", "UTC"), instant(f"{day}T02:00:00", "UTC")) for day in ("2024-10-27", "2025-10-26")
)


def build(world: World) -> None:
    """Create case_, case_event and their texts."""
    frame = pd.concat([_desk(world, p) for p in POLICIES], ignore_index=True)
    frame.insert(0, "case", np.arange(len(frame)) + 1)
    deleted = frame.index[(frame["source"] == "helpdesk") & (frame["case"] % 97 == 3)][:DELETED]
    frame["is_deleted"] = frame.index.isin(deleted)
    world.add("case_", frame)
    world.add("case_event", _events(frame))
    # The European helpdesk names its customers in their tickets alone: who wrote none has no account anybody knows.
    for table in ("account", "account_spelling"):
        world.sql(
            f"delete from {table} where source = 'helpdesk_eu' and person not in (select person from case_ where source = 'helpdesk_eu')"
        )
    world.sql(
        """
        create view case_person as
        select c.*, p.language, (c.case * 31) % 12 as text_product from case_ as c join person as p using (person)
        """
    )
    compose(
        world,
        "case_text",
        """
        select "case" as slot, person, agent, language,
            case when case_type = 'question' or case_type = 'suggestion' then 'question'
                when case_type = 'praise' then 'positive' else 'negative' end as tone,
            product
        from case_person
        """,
    )
    compose(
        world,
        "case_event_text",
        """
        select event as slot, c.person, case when author_role = 'agent' then c.agent end as agent, language, tone, product
        from case_event as e join case_person as c using ("case") where tone <> ''
        """,
        0.06,
    )


def _desk(world: World, policy: Policy) -> pd.DataFrame:
    source, calendar = policy.source, policy.calendar
    rng = world.rng(source)
    people = world.frame(f"select person from account where source = '{source}' order by person")["person"].to_numpy()
    who = np.repeat(people, rng.poisson(figures.CASES_PER_CUSTOMER, len(people)))
    n = len(who)
    opened = daytime(rng, n, START, END - DAY)
    by_agent = rng.random(n) < 0.12
    case_type = rng.choice(len(TYPES), n, p=[0.30, 0.24, 0.30, 0.06, 0.05, 0.05])
    first_priority = rng.choice(4, n, p=[0.04, 0.14, 0.62, 0.20])
    changes = rng.random(n) < 0.03
    priority = np.where(changes, rng.integers(0, 4, n), first_priority)
    fate = rng.random(n)
    is_spam, is_merged = fate < 0.010, (fate >= 0.010) & (fate < 0.025)
    leaves = is_spam | is_merged

    pace = np.array([0.35, 0.7, 1.0, 1.5])[priority]
    waiting = (
        np.exp(rng.normal(np.log(figures.FIRST_REPLY_MEDIAN_BUSINESS_MINUTES * 60), figures.FIRST_REPLY_SIGMA, n))
        * pace
    )
    replied = calendar.after(opened, np.ceil(waiting).astype(np.int64))
    after_hours = rng.random(n) < 0.06
    replied = np.where(after_hours, opened + rng.integers(240, 3 * HOUR, n), replied)
    replied = np.maximum(replied, opened + 240)
    replied = _known(replied, leaves | (rng.random(n) < 0.02))

    pends = (replied != ABSENT) & (rng.random(n) < 0.35)
    pending = _known(replied + 60, ~pends)
    back = _known(pending + np.ceil(np.exp(rng.normal(np.log(7 * HOUR), 1.1, n))).astype(np.int64), (pending == ABSENT))
    resumed = np.where(pending == ABSENT, replied, back)
    work = (
        np.exp(rng.normal(np.log(figures.RESOLUTION_MEDIAN_BUSINESS_MINUTES * 60), figures.RESOLUTION_SIGMA, n)) * pace
    )
    work = np.minimum(work, 400 * HOUR)
    never = (rng.random(n) < figures.CASE_UNRESOLVED * 0.6) | (resumed == ABSENT)
    resolved = _known(calendar.after(np.maximum(resumed, opened), 300 + np.ceil(work).astype(np.int64)), never)

    reopens = (resolved != ABSENT) & (rng.random(n) < figures.CASE_REOPENED)
    reopened = _known(resolved + 600 + np.ceil(rng.exponential(11 * DAY, n)).astype(np.int64), ~reopens)
    resolved_again = _known(
        calendar.after(
            np.maximum(reopened, opened), np.ceil(np.exp(rng.normal(np.log(5 * HOUR), 1.0, n))).astype(np.int64) + 300
        ),
        reopened == ABSENT,
    )
    last = np.where(reopens, resolved_again, resolved)
    close_after = int(figures.CASE_CLOSE_AFTER_HOURS * HOUR)
    # A case that will be reopened, though not before the end of observation, is not closed before that either.
    closed = _known(last + close_after, (last == ABSENT) | (reopens & (reopened == ABSENT)))
    leaves_at = opened + rng.integers(300, DAY, n)
    closed = np.where(leaves, _known(leaves_at, ~leaves), closed)

    frame = pd.DataFrame(
        {
            "source": source,
            "person": who,
            "opened_by": np.where(by_agent, "agent", "customer"),
            "channel": np.where(
                by_agent, "phone", np.array(["email", "web", "chat"])[rng.choice(3, n, p=[0.45, 0.3, 0.25])]
            ),
            "case_type": np.array(TYPES)[case_type],
            "category": np.array(CATEGORIES)[rng.integers(0, len(CATEGORIES), n)],
            "first_priority": np.array(PRIORITIES)[first_priority],
            "priority": np.array(PRIORITIES)[priority],
            "is_spam": is_spam,
            "is_merged": is_merged,
            "agent": rng.integers(0, 8, n) * 6 + np.where(source == "helpdesk", rng.integers(0, 2, n), 4),
            "product": rng.integers(0, 12, n),
            "store": rng.integers(0, 7, n),
            "opened": opened,
            "acknowledged": _known(opened + rng.integers(20, 60, n), (rng.random(n) < 0.1) | by_agent),
            "classified": _known(opened + 60, rng.random(n) < 0.2),
            "reprioritised": _known(opened + 90, (first_priority == priority)),
            "assigned": _known(opened + 100 + rng.integers(0, 60, n), is_spam),
            "bot_message": _known(opened + 180, (rng.random(n) > 0.1) | by_agent | leaves),
            "transferred": _known(opened + 200, (rng.random(n) > 0.08) | leaves),
            "replied": replied,
            "pending": pending,
            "back": back,
            "escalated": _known(
                (replied + resolved) // 2, (rng.random(n) > 0.04) | (replied == ABSENT) | (resolved == ABSENT)
            ),
            "noted": _known(replied - 30, (rng.random(n) > 0.3) | (replied == ABSENT)),
            "resolved": resolved,
            "notified": _known(resolved + 300, (resolved == ABSENT) | (rng.random(n) > 0.6)),
            "confirmed": _known(resolved + 3 * HOUR, (resolved == ABSENT) | (rng.random(n) > 0.25)),
            "reopened": reopened,
            "resolved_again": resolved_again,
            "closed": closed,
            "is_sla_met": rng.random(n) < 0.634,
            "is_timely": rng.random(n) < 0.962,
        }
    )
    # Of what was answered too late, the desk closes some as such.
    frame["is_closed_untimely"] = (
        ~frame["is_timely"] & (frame["closed"] != ABSENT) & ~leaves & (world.rng(f"{source}_untimely").random(n) < 0.6)
    )
    if calendar is BERLIN:
        frame[MOMENTS] = frame[MOMENTS].apply(_out_of_repeated_hour)
    return frame


def _known(at: Seconds, absent: npt.NDArray[np.bool_]) -> Seconds:
    """Instants that happened inside the span; the others ABSENT."""
    return np.where(absent | (at < START) | (at >= END), ABSENT, at)


def _out_of_repeated_hour(at: pd.Series) -> pd.Series:
    for start, end in REPEATED_HOURS:
        inside = (at >= start) & (at < end)
        at = at.where(~inside, end + (at - start) // 600)
    return at


# Milestone column → (event type, author role, text's tone, automatic, public), in the order of one instant.
EVENTS = {
    "opened": ("opened", "customer", "", False, True),
    "acknowledged": ("acknowledged", "bot", "automatic", True, True),
    "classified": ("classified", "system", "", True, False),
    "reprioritised": ("priority_changed", "system", "", True, False),
    "assigned": ("assigned", "system", "", True, False),
    "bot_message": ("message_out", "bot", "automatic", True, True),
    "transferred": ("transferred", "agent", "", False, False),
    "noted": ("note", "agent", "internal", False, False),
    "replied": ("message_out", "agent", "reply", False, True),
    "pending": ("status", "agent", "", False, False),
    "back": ("message_in", "customer", "follow_up", False, True),
    "escalated": ("escalated", "agent", "", False, False),
    "resolved": ("resolved", "agent", "", False, True),
    "notified": ("customer_notified", "system", "", True, True),
    "confirmed": ("customer_confirmed", "customer", "", False, True),
    "reopened": ("reopened", "customer", "follow_up", False, True),
    "resolved_again": ("resolved", "agent", "", False, True),
    "closed": ("closed", "system", "", True, False),
}
MOMENTS = list(EVENTS)
EXTRA = ("first_agent_message", "status_open", "merged")
CODES = {name: code for code, name in enumerate([*EVENTS, *EXTRA])}


def _events(frame: pd.DataFrame) -> pd.DataFrame:
    """The log: one row per event; `event` = case × 32 + code, `sequence` orders one instant."""
    parts = [_part(frame, frame[moment], moment, *shape) for moment, shape in EVENTS.items()]
    by_agent = frame[frame["opened_by"] == "agent"]
    parts.append(
        _part(by_agent, by_agent["opened"], "first_agent_message", "message_out", "agent", "reply", False, True)
    )
    parts.append(_part(frame, frame["back"], "status_open", "status", "system", "", True, False))
    merged = frame[frame["is_merged"]]
    parts.append(_part(merged, merged["closed"], "merged", "merged", "agent", "", False, False))
    return pd.concat(parts, ignore_index=True).sort_values(["at", "event"], kind="stable").reset_index(drop=True)


def _part(
    frame: pd.DataFrame,
    at: pd.Series,
    moment: str,
    event_type: str,
    role: str,
    tone: str,
    automatic: bool,
    public: bool,
) -> pd.DataFrame:
    happened = at != ABSENT
    chosen = frame[happened]
    author = np.where(chosen["opened_by"] == "agent", "agent", role) if moment == "opened" else role
    old, new = _change(chosen, moment)
    return pd.DataFrame(
        {
            "event": chosen["case"] * 32 + CODES[moment],
            "case": chosen["case"],
            "source": chosen["source"],
            "at": at[happened],
            "moment": moment,
            "event_type": event_type,
            "author_role": author,
            "tone": tone,
            "is_automatic": automatic,
            "is_public": public,
            "old_value": old,
            "new_value": new,
        }
    )


def _change(chosen: pd.DataFrame, moment: str) -> tuple[object, object]:
    changes: dict[str, tuple[object, object]] = {
        "classified": ("", chosen["category"]),
        "reprioritised": (chosen["first_priority"], chosen["priority"]),
        "pending": ("open", "pending"),
        "status_open": ("pending", "open"),
        "resolved": ("open", "resolved"),
        "resolved_again": ("open", "resolved"),
        "reopened": ("resolved", "open"),
        "closed": ("resolved", "closed"),
        "assigned": ("", np.where(chosen["source"] == "helpdesk", "service_cn", "service_eu")),
        "transferred": (
            np.where(chosen["source"] == "helpdesk", "service_cn", "service_eu"),
            np.where(chosen["source"] == "helpdesk", "quality_cn", "quality_eu"),
        ),
    }
    return changes.get(moment, ("", ""))


def snapshot(until: int) -> str:
    """SQL of the cases opened before an instant, as the helpdesk knew them then: status, priority, last change."""
    seen = ", ".join(f"case when {m} < {until} then {m} else {ABSENT} end" for m in MOMENTS)
    return f"""
        select c.*,
            case
                when c.closed <> {ABSENT} and c.closed < {until} then 'closed'
                when c.resolved_again <> {ABSENT} and c.resolved_again < {until} then 'resolved'
                when c.reopened <> {ABSENT} and c.reopened < {until} then 'open'
                when c.resolved <> {ABSENT} and c.resolved < {until} then 'resolved'
                when c.back <> {ABSENT} and c.back < {until} then 'open'
                when c.pending <> {ABSENT} and c.pending < {until} then 'pending'
                when c.assigned <> {ABSENT} and c.assigned < {until} then 'open'
                else 'new'
            end as status,
            greatest({seen}) as updated,
            case when c.reprioritised <> {ABSENT} and c.reprioritised >= {until} then c.first_priority else c.priority end as priority_then
        from case_ as c
        where c.opened < {until}
    """
