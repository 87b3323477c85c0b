{#
    Staging, once for every kind: the order of versions, deletion, withholding, the current subject.

    lineage_columns()  what every protected row carries; written_subject_key is the pseudonym as the lake has it
    told_agent()       the member of staff; null for whoever objected: the lake holds their key behind a mark
    current_subject()  who that is now: after merges, and null where a shared identifier was all the row had
    staged(relation, kind, key, deleted_by=none, is_bound=true)
        select relation.*, subject_key (after merges), version_rank (1 = newest by source_version, updated_at,
        loaded_at, content_hash), deleted_at (the earliest deletion of the record or its person that does not come
        before the version; where none is, null), is_deleted, withheld_reason (withdrawn | expired | purpose; erased
        rows are not in the lake any more), is_current (newest, neither deleted nor withheld).
        Tombstones themselves are not deleted: their deleted_at is that of what they name.
        `key` names the columns of one record within a source, `deleted_by` the record key a tombstone would name,
        `is_bound` whether purposes and consent bind the rows (not so for reference data, consents and tombstones).

    staged_long(relation, kind, key)
        The same for a kind whose history is long: an increment ranks and judges anew only the records that it touches,
        with all their versions; those that have new rows, that a new tombstone names, whose term ended since the
        last build, or whose person is in int_touched_subjects. modelled_in (incremental.sql) tells which those were.
#}
{% macro lineage_columns() -%}
    subject_key as written_subject_key,
    subject_basis as written_subject_basis,
    unproved_key,
    jurisdiction,
    basis,
    purposes,
    consent_ref,
    policy_version,
    gate_version,
    retain_until,
    source,
    load_id,
    loaded_at,
    content_hash
{%- endmacro %}

{% macro told_agent() -%} case when agent_key not like 'restricted:%' then agent_key end as agent_key {%- endmacro %}

{% macro current_subject() -%}
    case when subject.subject_key is null then record.written_subject_key else subject.current_subject_key end
{%- endmacro %}

{# Tombstones by `key`, each with the time of the one before: it ends the versions updated since then. #}
{% macro tombstones(key, kind) -%}
    (
        select
            {{ key }},
            deleted_at,
            lag(deleted_at, 1, timestamp '0001-01-01') over (
                partition by {{ key }} order by deleted_at
            ) as deleted_before
        from {{ ref("stg_deletions") }}
        where deleted_kind = '{{ kind }}' and {{ key }} is not null and deleted_at is not null
    )
{%- endmacro %}

{% macro ended_by(tombstone) -%}
    coalesce(record.updated_at, timestamp '1900-01-01') > {{ tombstone }}.deleted_before
    and coalesce(record.updated_at, timestamp '1900-01-01') <= {{ tombstone }}.deleted_at
{%- endmacro %}

{% macro staged(relation, kind, key, deleted_by=none, is_bound=true) -%}
    {% set is_deleted = "false" if kind == "deletion" else "deleted_at is not null" %}
    select
        versions.*,
        {{ is_deleted }} as is_deleted,
        version_rank = 1 and not ({{ is_deleted }}) and withheld_reason is null as is_current
    from
        (
            select
                record.*,
                {{ current_subject() }} as subject_key,
                case when {{ current_subject() }} is null then 'record' else 'person' end as subject_basis,
                record.unproved_key as counted_key,
                row_number() over (
                    partition by record.source {% for column in key %}, record.{{ column }} {% endfor %}
                    order by
                        record.source_version desc nulls last,
                        record.updated_at desc nulls last,
                        record.loaded_at desc nulls last,
                        record.content_hash desc nulls last
                ) as version_rank,
                {% if deleted_by %} {{ earlier_of("person_gone.deleted_at", "record_gone.deleted_at") }} as deleted_at,
                {% elif kind != "deletion" %} person_gone.deleted_at,
                {% endif %}
                case
                    {% if is_bound %}
                        when record.basis = 'consent' and withdrawal.subject_key is not null then 'withdrawn'
                    {% endif %}
                    when record.retain_until < clock.known_at
                    then 'expired'
                    {% if is_bound %}
                        when not {{ array_has("record.purposes", "'" ~ var("purpose") ~ "'") }} then 'purpose'
                    {% endif %}
                end as withheld_reason
            from {{ relation }} as record
            cross join (select {{ known_at() }} as known_at) as clock
            left join {{ ref("stg_subjects") }} as subject on record.written_subject_key = subject.subject_key
            {% if kind != "deletion" %}
                left join
                    {{ tombstones("subject_key", "person") }} as person_gone
                    on {{ current_subject() }} = person_gone.subject_key
                    and {{ ended_by("person_gone") }}
            {% endif %}
            {% if deleted_by %}
                left join
                    {{ tombstones("deleted_key", kind) }} as record_gone
                    on record.{{ deleted_by }} = record_gone.deleted_key
                    and {{ ended_by("record_gone") }}
            {% endif %}
            {% if is_bound %}
                left join
                    (
                        select subject_key
                        from
                            (
                                select
                                    subject_key,
                                    action,
                                    row_number() over (
                                        partition by subject_key order by given_at desc, action desc
                                    ) as entry_rank
                                from {{ ref("stg_consents") }}
                                where purpose = '{{ var("purpose") }}' and is_current and subject_key is not null
                            ) as entry
                        where entry_rank = 1 and action = 'withdraw'
                    ) as withdrawal
                    on {{ current_subject() }} = withdrawal.subject_key
            {% endif %}
        ) as versions
{%- endmacro %}

{% macro staged_long(relation, kind, key) -%}
    {{
        config(
            materialized="incremental",
            incremental_strategy="delete+insert",
            unique_key=["source", key],
        )
    }}
    {% if not execute %} {% do ref("int_touched_subjects") %} {% endif %}
    {% if is_incremental() %}
        {% set computed = [
            "subject_basis",
            "counted_key",
            "subject_key",
            "version_rank",
            "deleted_at",
            "is_deleted",
            "withheld_reason",
            "is_current",
            "modelled_in",
        ] %}
        {% set columns = (
            adapter.get_columns_in_relation(this)
            | map(attribute="name")
            | reject("in", computed)
            | join(", ")
        ) %},
        touched as (
            select source, {{ key }}
            from {{ relation }}
            where load_id in {{ fresh_loads() }}
            union
            select source, {{ key }}
            from {{ this }}
            where
                written_subject_key in (select subject_key from {{ ref("int_touched_subjects") }})
                or subject_key in (select subject_key from {{ ref("int_touched_subjects") }})
                or {{ key }} in (
                    select deleted_key
                    from {{ ref("stg_deletions") }}
                    where deleted_kind = '{{ kind }}' and load_id in {{ fresh_loads() }}
                )
                or (
                    retain_until >= (select known_before from {{ source("lake", "_build") }})
                    and retain_until < {{ known_at() }}
                )
        ),

        versions_of_touched as (
            select {{ columns }}
            from {{ this }} as held
            where
                load_id not in {{ fresh_loads() }}
                and exists (
                    select 1 from touched where touched.source = held.source and touched.{{ key }} = held.{{ key }}
                )
            union all
            select {{ columns }}
            from {{ relation }}
            where load_id in {{ fresh_loads() }}
        )
        select ranked.*, {{ this_build() }} as modelled_in
        from ({{ staged("versions_of_touched", kind, [key], deleted_by=key) }}) as ranked
    {% else %}
        select ranked.*, cast(0 as {{ dbt.type_bigint() }}) as modelled_in
        from ({{ staged(relation, kind, [key], deleted_by=key) }}) as ranked
    {% endif %}
{%- endmacro %}
