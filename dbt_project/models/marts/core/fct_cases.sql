-- One row per ticket, incident or complaint: its last known state, and its milestones.
select
    -- ids
    cases.case_key,
    cases.product_id,
    cases.store_id,
    cases.agent_key,
    -- text
    cases.opened_by,
    cases.channel,
    cases.case_type,
    cases.category,
    cases.subcategory,
    cases.touchpoint,
    cases.region,
    cases.priority,
    cases.status,
    cases.team,
    cases.close_reason,
    cases.language,
    cases.title,
    cases.text,
    -- numbers
    cast(coalesce(milestones.reopen_count, cases.reopen_count) as {{ dbt.type_bigint() }}) as reopen_count,
    cases.reassignment_count,
    cases.title_redactions,
    cases.text_redactions,
    -- flags
    cases.calls_for_handling,
    cases.is_sla_met,
    cases.is_timely,
    coalesce(milestones.is_merged, false) as is_merged,
    coalesce(milestones.is_spam, false) as is_spam,
    cases.is_sensitive_text,
    -- times
    cases.opened_at,
    milestones.acknowledged_at,
    milestones.first_replied_at,
    milestones.first_substantive_reply_at,
    milestones.first_resolved_at,
    milestones.last_resolved_at,
    milestones.first_reopened_at,
    milestones.closed_at,
    milestones.customer_notified_at,
    milestones.customer_confirmed_at,
    cases.updated_at,
    -- lineage
    cases.subject_key,
    cases.subject_basis,
    cases.counted_key,
    cases.jurisdiction,
    cases.basis,
    cases.source,
    cases.load_id,
    cases.loaded_at
from {{ ref("stg_cases") }} as cases
left join {{ ref("int_case_milestones") }} as milestones on cases.case_key = milestones.case_key
where cases.is_current
