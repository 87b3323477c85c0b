"""What is true of the sample company: who is who, where identities were planted, how much was read and refused, every KPI.

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

    identifiers.csv (every identifier of every account and from which wave it proves), subjects.csv (who is one subject),
    planted.csv (values in free text and in which field), persons.csv, company.json; and when both waves are written:
    ledger.csv (expected counts by source, with both waves loaded at once) and kpis.parquet (expected values).
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = linkage.identifiers(world)
    subjects = linkage.subjects(found, max(waves))
    found.to_csv(folder / "identifiers.csv", index=False)
    subjects.to_csv(folder / "subjects.csv", index=False)
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
