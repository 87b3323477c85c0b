-- One row per pseudonym that the vault has merged (or parted again): its current subject.
with
    source as (select * from {{ source("lake", "_subjects") }}),

    ranked as (
        select
            -- ids
            subject_key,
            current_subject_key,
            -- text
            reason,
            -- times
            valid_from,
            row_number() over (
                partition by subject_key order by valid_from desc nulls last, current_subject_key
            ) as version_rank
        from source
    )

select subject_key, current_subject_key, reason, valid_from
from ranked
where version_rank = 1
