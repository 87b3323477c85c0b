-- One row per person, feature and day of use.
{{ follows("stg_usage", "usage_key") }}
select
    -- ids
    usage_key,
    -- text
    feature,
    -- numbers
    use_count,
    -- times
    used_on,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_usage") }}
where is_current {{ only_touched() }}
