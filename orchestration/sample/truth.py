"""What is true of the sample company.

Who is who, where identities were planted, how much was read and refused, every KPI.

Keep out: reading back what was exported. All of it comes from the model; it lies outside of any home.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from orchestration.engine import literal
from orchestration.sample import counts, faults, kpis, linkage
from orchestration.sample.clock import END, REPORTING_TZ
from orchestration.sample.exports import STEM
from orchestration.sample.world import World

# text table: (source, file stem, record key as SQL of slot, kind, field)
TEXTS = {
    "call_text": ("telephony", "calls", "slot::varchar", "call", "text"),
    "review_text": ("reviews", "reviews", "'V' || slot", "review", "text"),
    "review_reply_text": ("reviews", "reviews", "'V' || slot", "review", "reply_text"),
    "mention_text": ("social", "posts", "'M' || slot", "mention", "text"),
    "mention_reply_text": ("social", "posts", "'M' || slot", "mention", "reply_text"),
    "note_text": ("programme", "interviews", "'N' || slot", "note", "text"),
    "answer_text": ("survey_forms", "responses", "printf('66%022d', slot) || ':comment'", "survey_answer", "text"),
}


def write(world: World, folder: Path, waves: tuple[int, ...]) -> None:
    """Write the truth files.

    identifiers.csv (every identifier of every account and from which wave it proves), subjects.csv (who is one
    subject), fields.csv (every value of a person in a field of a record), planted.csv (values in free text and in which
    field), persons.csv, company.json; and when both waves are written:
    ledger.csv (expected counts by source, with both waves loaded at once) and kpis.parquet (expected values).
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = linkage.identifiers(world)
    subjects = linkage.subjects(found, max(waves))
    found.to_csv(folder / "identifiers.csv", index=False)
    subjects.to_csv(folder / "subjects.csv", index=False)
    fields(world).to_csv(folder / "fields.csv", index=False)
    planted(world).to_csv(folder / "planted.csv", index=False)
    view = kpis.View.of(world, subjects)
    if waves == (1, 2):
        counts.ledger(world, view).to_csv(folder / "ledger.csv", index=False)
        world.con.register("kpis", kpis.compute(world, view))
        world.sql(f"copy kpis to {literal(str(folder / 'kpis.parquet'))} (format parquet, compression zstd)")
        world.con.unregister("kpis")
    world.frame(
        "select person, name, country, email, phone, is_minor, has_guardian from person order by person"
    ).to_csv(folder / "persons.csv", index=False)
    about = {
        "seed": world.seed,
        "persons": world.count("person"),
        "waves": list(waves),
        "files_of_wave": STEM,
        "reporting_tz": REPORTING_TZ,
        "observed_until": str(np.datetime64(END, "s")) + "Z",
        "shares_of_late_double_corrected": [faults.LATE, faults.DOUBLE, faults.CORRECTED],
        "erased_persons": world.frame("select person from erasure order by 1")["person"].tolist(),
    }
    (folder / "company.json").write_text(json.dumps(about, indent=1) + "\n")


def fields(world: World) -> pd.DataFrame:
    """Every value that names a person in a field of a record, as written: entity, source, person, written; none twice.

    Entities: account, name, email, phone, address, handle. person is empty for staff (source directory) and for callers
    whom nobody knows.
    """
    found = world.frame(
        """
        with said as (
            select s.source, s.person, s.account, s.name, s.email_written as email, s.phone_written as phone,
                case when s.source = 'crm' then home_address(p.person, p.region) end as address
            from account_spelling as s join person as p using (person)
        ),
        guests as (
            select o.person, as_written(p.phone, p.country, o.purchase) as phone, p.email
            from purchase as o join person as p using (person) where o.identity = 'guest'
        ),
        named as (
            select source, person, unnest(['account', 'name', 'email', 'phone', 'address']) as entity,
                unnest([account, name, email, phone, address]) as written
            from said
            union all by name
            select 'web_shop' as source, person, unnest(['email', 'phone']) as entity, unnest([email, phone]) as written
            from guests
            union all by name
            select 'telephony' as source, p.person, 'phone' as entity,
                caller_number(c.call, c.person, p.phone, p.country, c.style) as written
            from call as c left join person as p on p.person = c.person
            union all by name
            select 'social' as source, person, 'handle' as entity, author_handle(person) as written from mention
            union all by name
            select 'reviews' as source, person, 'handle' as entity, nickname(person) as written from review
            union all by name
            select 'directory' as source, unnest(['name', 'email']) as entity, unnest([name, email]) as written from agent
        )
        select distinct entity, source, person, written from named where written is not null order by all
        """
    )
    return found.astype({"person": "Int64"})


def planted(world: World) -> pd.DataFrame:
    """One row per planted value: source, stream, kind, record, field, entity, form, value as written."""
    parts = [
        world.frame(
            f"select '{source}' as source, '{stem}' as stream, {key} as record, '{kind}' as kind, '{field}' as field, entity, form, value"
            f" from {table} where entity is not null order by slot"
        )
        for table, (source, stem, key, kind, field) in TEXTS.items()
    ]
    for table, stem_of, key, kind in (
        ("case_text", {"helpdesk": "tickets", "helpdesk_eu": "tickets"}, 'c."case"', "case"),
        ("case_event_text", {"helpdesk": "ticket_events", "helpdesk_eu": "history"}, "e.event", "case_event"),
    ):
        join = (
            'join case_ as c on c."case" = t.slot'
            if kind == "case"
            else 'join case_event as e on e.event = t.slot join case_ as c on c."case" = e."case"'
        )
        prefix = "case when c.source = 'helpdesk_eu' then 'EU-' else '' end || " if kind == "case" else ""
        parts.append(
            world.frame(
                f"select c.source, case c.source when 'helpdesk' then '{stem_of['helpdesk']}' else '{stem_of['helpdesk_eu']}' end as stream,"
                f" {prefix}{key}::varchar as record, '{kind}' as kind, 'text' as field, entity, form, value"
                f" from {table} as t {join} where entity is not null order by t.slot"
            )
        )
    return pd.concat(parts, ignore_index=True)
