-- One row per pseudonym or subject whose records this build must look at again: persons who gave or withdrew consent,
-- whose consent expired, who are gone at the source, or whose pseudonyms were merged or parted. Empty after a full
-- build.
with
    touched as (
        select written_subject_key, subject_key
        from {{ ref("stg_consents") }}
        where
            load_id in {{ fresh_loads() }}
            or (
                retain_until >= (select known_before from {{ source("lake", "_build") }})
                and retain_until < {{ known_at() }}
            )
        union all
        select consents.written_subject_key, consents.subject_key
        from {{ ref("stg_consents") }} as consents
        inner join
            {{ ref("stg_deletions") }} as deletions
            on deletions.deleted_kind = 'consent'
            and deletions.deleted_key = consents.consent_key
            and deletions.load_id in {{ fresh_loads() }}
        union all
        select written_subject_key, subject_key
        from {{ ref("stg_deletions") }}
        where deleted_kind = 'person' and load_id in {{ fresh_loads() }}
        union all
        select subject_key, subject_key
        from {{ source("lake", "_remapped") }}
    )

select written_subject_key as subject_key
from touched
where written_subject_key is not null
union
select subject_key
from touched
where subject_key is not null
