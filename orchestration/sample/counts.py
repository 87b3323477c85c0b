"""Expected ledger of the sample company.

Records read, rows emitted, refused by reason, duplicates, and what a check stops.

Keep out: KPIs. The figures hold when the files of both waves are loaded at once, `crm` before the sources that need its
consents.
"""

import pandas as pd

from orchestration.sample import faults
from orchestration.sample.clock import START
from orchestration.sample.kpis.view import View, order_subjects
from orchestration.sample.world import World

# How the gate names what is wrong with a planted record: faults → (level of the record, row's kind and reason).
ROW_FAULTS = (
    (faults.WITHOUT_ID, {"crm": ("customer", "missing:customer_id"), "web_shop": ("order", "missing:order_id"), "store_tablet": ("survey_answer", "missing:answer_id")}),
    (faults.UNPARSABLE_DATES, {"web_shop": ("order", "unparsable:ordered_at"), "store_tablet": ("survey_answer", "unparsable:answered_at")}),
    (faults.UNPARSABLE_AMOUNTS, {"web_shop": ("order", "unparsable:amount")}),
    (faults.UNKNOWN_TYPES, {"web_shop": ("order", "unknown_value:order_type")}),
    (faults.UNKNOWN_LABELS, {"survey_forms": ("survey_answer", "unparsable:score")}),
    (faults.OUT_OF_RANGE_SCORES, {"survey_forms": ("survey_answer", "unparsable:score")}),
    (faults.NEGATIVE_WAITS, {"telephony": ("call", "out_of_range:wait_seconds")}),
)  # fmt: skip
RECORD_FAULTS = ((faults.BROKEN_JSON_LINES, "malformed_json"), (faults.TORN_ROWS, "malformed_row"))
REFERENCE_STREAMS = {("survey_forms", "widgets")}


def ledger(world: World, view: View) -> pd.DataFrame:
    """Columns source, level (records | rows), name (stream | kind), measure, reason, n; no zeros."""
    lines: list[tuple[str, str, str, str, str, int]] = []
    for (source, stream), n in sorted(world.written.items()):
        lines.append((source, "records", stream, "read", "", n))
        if (source, stream) in REFERENCE_STREAMS:
            lines.append((source, "records", stream, "reference", "", n))
    for planted, reason in RECORD_FAULTS:
        lines += [(source, "records", stream, "rejected", reason, n) for (source, stream), n in planted.items()]
    for planted, named in ROW_FAULTS:
        for (source, stream), n in planted.items():
            kind, reason = named[source]
            lines.append((source, "records", stream, "rejected", "all_rows_rejected", n))
            lines.append((source, "rows", kind, "rejected", reason, n))
    for source, kind, reason, n in _refused(world, view):
        lines.append((source, "rows", kind, "rejected", reason, n))
    for (source, kind), (rule, n) in faults.QUARANTINED.items():
        lines.append((source, "rows", kind, "quarantined", rule, n))
    for source, kind, n in _duplicates(world, view):
        lines.append((source, "rows", kind, "duplicate", "", n))
    frame = pd.DataFrame(lines, columns=["source", "level", "name", "measure", "reason", "n"])
    return (
        frame[frame["n"] > 0]
        .groupby(["source", "level", "name", "measure", "reason"], as_index=False)
        .agg({"n": "sum"})
    )


def _exported(world: World) -> dict[str, pd.DataFrame]:
    """Rows of the streams that the gate may refuse, with `copies`, how often both waves together export them."""
    members = world.frame(
        f"select person, case when fate(person, {START}) in ('double', 'corrected') then 2 else 1 end as copies,"
        f" fate(person, {START}) = 'double' as is_double from person where is_member order by 1"
    )
    accounts = world.frame(
        "select person, account, case when verified_from = 2 then 2 else 1 end as copies from account where source = 'web_shop' order by person"
    )
    orders = world.frame(
        """
        select o.person, identity, phone, fate(purchase, o.at) as fate,
            case when fate(purchase, o.at) in ('double', 'corrected') then 2 else 1 end + (refunded_at > 0)::integer as copies
        from purchase as o join person as p using (person) order by purchase
        """
    )
    invitations = world.frame("select person, sent as at, 1 as copies from invitation order by invitation")
    answers = world.frame(
        """
        select r.person, r.at, fate(r.response, r.at) as fate, r.asked + (t.text is not null)::integer as cells,
            cells * case when fate(r.response, r.at) in ('double', 'corrected') then 2 else 1 end as copies
        from (
            select r.response, r.person, r.at, count(*) filter (not is_declined) as asked
            from response as r join answer as a using (response) group by all
        ) as r left join answer_text as t on t.slot = r.response
        order by r.response
        """
    )
    return {"customer": members, "account": accounts, "order": orders, "invitation": invitations, "answer": answers}


def _refused(world: World, view: View) -> list[tuple[str, str, str, int]]:
    rows = _exported(world)
    found: list[tuple[str, str, str, int]] = []
    for name, source, kind in (
        ("invitation", "survey_forms", "survey_invitation"),
        ("answer", "survey_forms", "survey_answer"),
    ):
        frame = rows[name]
        refused = ~view.consented(frame["person"], frame["at"])
        unguarded = view.unguarded(frame["person"])
        found.append((source, kind, "minor_without_guardian", int(frame.loc[refused & unguarded, "copies"].sum())))
        found.append((source, kind, "no_consent", int(frame.loc[refused & ~unguarded, "copies"].sum())))
    crm, accounts, orders = rows["customer"], rows["account"], rows["order"]
    subjects = {
        "crm": view.subjects_of("crm", "C" + crm["person"].astype(str).str.zfill(7), crm["person"]),
        "accounts": view.subjects_of("web_shop", accounts["account"], accounts["person"]),
        "orders": order_subjects(orders, view),
    }
    for frame, subject, source, kind in (
        (crm, subjects["crm"], "crm", "customer"),
        (accounts, subjects["accounts"], "web_shop", "customer"),
        (orders, subjects["orders"], "web_shop", "order"),
    ):
        refused = ~view.allowed(frame["person"], subject)
        found.append((source, kind, "minor_without_guardian", int(frame.loc[refused, "copies"].sum())))
    return found


def _duplicates(world: World, view: View) -> list[tuple[str, str, int]]:
    rows = _exported(world)
    crm, orders, answers = rows["customer"], rows["order"], rows["answer"]
    crm_kept = view.allowed(
        crm["person"], view.subjects_of("crm", "C" + crm["person"].astype(str).str.zfill(7), crm["person"])
    )
    orders_kept = view.allowed(orders["person"], order_subjects(orders, view))
    answers_kept = view.consented(answers["person"], answers["at"])
    calls = world.count("(select 1 from call where fate(call, call.at) = 'double')")
    posts = world.count("(select 1 from mention where fate(mention, mention.at) = 'double')")
    return [
        ("crm", "customer", int((crm["is_double"] & crm_kept).sum())),
        ("web_shop", "order", int(((orders["fate"] == "double") & orders_kept).sum())),
        (
            "survey_forms",
            "survey_answer",
            int(answers.loc[(answers["fate"] == "double") & answers_kept, "cells"].sum()),
        ),
        ("telephony", "call", calls),
        ("social", "mention", posts),
    ]
