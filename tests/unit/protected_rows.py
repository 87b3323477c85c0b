"""Protected rows that keep their contract, for any kind: what the gate gives on a quiet day.

Keep out: tests.
"""

import duckdb
import pyarrow as pa

from orchestration.lake.store import duckdb_type
from orchestration.records import KINDS, Privacy, Record

LINEAGE = {
    "subject_key": "sha256('s' || i)",
    "subject_basis": "'person'",
    "unproved_key": "null",
    "jurisdiction": "'CN'",
    "basis": "'consent'",
    "purposes": "['service', 'analytics']",
    "consent_ref": "sha256('c' || i)",
    "policy_version": "'1+0badcafe'",
    "gate_version": "'1'",
    "retain_until": "timestamp '2029-01-01'",
    "source": "'helpdesk'",
    "load_id": "'load-1'",
    "loaded_at": "timestamp '2026-01-02'",
    "content_hash": "sha256('h' || i)",
}
NAMED = {
    "currency": "'CNY'",
    "timezone": "'Asia/Shanghai'",
    "country": "'CN'",
    "deleted_kind": "'case'",
    "age_band": "'30-39'",
    "scale_min": "0",
    "scale_max": "10",
    "rating_max": "5",
    "start_minute": "540",
    "end_minute": "1080",
    "amount": "0",
    "bounced_at": "null",
}


def rows(kind: str, n: int = 3, **columns: str) -> pa.Table:
    """`n` rows of a kind, numbered i from 0; `columns` gives the SQL of single columns."""
    record = KINDS[kind]
    given = {**_defaults(record), **columns}
    unknown = set(given) - set(record.protected_schema.names)
    if unknown:
        raise ValueError(f"{kind} has no columns {sorted(unknown)}")
    listed = ", ".join(f'({given[f.name]})::{duckdb_type(f.type)} as "{f.name}"' for f in record.protected_schema)
    with duckdb.connect() as con:
        return con.execute(f"select {listed} from range({n}) numbers(i)").to_arrow_table().cast(record.protected_schema)


def _defaults(record: Record) -> dict[str, str]:
    found = {}
    fields = {f.protected_name: f for f in record.fields}
    for column in record.protected_schema:
        name, field = column.name, fields.get(column.name)
        kind = duckdb_type(column.type)
        if name in LINEAGE:
            found[name] = LINEAGE[name]
        elif name in NAMED:
            found[name] = NAMED[name]
        elif field and field.values:
            listed = ", ".join(f"'{v}'" for v in field.values)
            found[name] = f"[{listed}][i % {len(field.values)} + 1]"
        elif field and field.privacy in (Privacy.RECORD_KEY, Privacy.IDENTIFIER):
            found[name] = f"[sha256('{name}' || i)]" if kind == "VARCHAR[]" else f"sha256('{name}' || i)"
        elif field and field.privacy is Privacy.TEXT:
            found[name] = "'订单 20250105 还没到, please call <PHONE>'"
        elif kind == "TIMESTAMP":
            found[name] = "timestamp '2025-01-01' + interval (i) minute"
        elif kind == "DATE":
            found[name] = "date '2025-01-01'"
        elif kind in ("BIGINT", "DOUBLE"):
            found[name] = str(field.minimum if field and field.minimum else 1)
        elif kind == "BOOLEAN":
            found[name] = "false"
        else:
            found[name] = "['web', 'app']" if kind == "VARCHAR[]" else "'web'"
    return found
