-- One row per load, level, stream or kind, measure and reason: the count of what came in and what became of it.
select load_id, source, loaded_at, level, name, measure, reason, n from {{ source("lake", "_ledger") }}
