"""One row per tombstone: a record, or a person, gone at the source.

Keep out: every other kind, and where the rows come from.
"""

from orchestration.records.contract import Record, key, person, plain, version

RECORD = Record(
    kind="deletion",
    grain="One row per tombstone: a record, or a person, gone at the source.",
    key=("deletion_id",),
    event_time="deleted_at",
    has_person=True,
    fields=(
        key("deletion_id", "Tombstone at the source.", "deletion", required=True),
        plain("deleted_kind", "string", "Kind of the record gone; 'person' for a person.", required=True),
        key("deleted_id", "Record gone, by record_ref(source, kind, id).", "deleted"),
        *person(),
        plain("deleted_at", "timestamp", "When."),
        plain("reason", "string", "Why.", values=("source", "sweep", "request", "spam")),
        *version(),
    ),
)
