-- One row per privacy check: when it was last proved, and by what.
select check_id, name_zh, name_en, cadence, status, last_proved_at, evidence, n_checked, n_failed
from {{ source("lake", "_checks") }}
