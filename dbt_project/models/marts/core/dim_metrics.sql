-- One row per metric, variant and version: the registry.
select * from {{ ref("metrics") }}
