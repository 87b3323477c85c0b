-- One row per source, kind and finding about times: how many rows, and one load they came with. A negative time is a
-- finding about the data and leaves the estimate; so do cases that leave a cohort by rule, and the finding says how
-- many.
with
    cases as (select * from {{ ref("int_case_milestones") }}),
    findings as (
        {% for finding, condition in {
            "first_reply_before_opening": "first_replied_at < opened_at",
            "resolved_before_opening": "first_resolved_at < opened_at",
            "closed_before_opening": "closed_at < opened_at",
            "opened_after_observation": "opened_at > observed_until",
            "merged_left_cohort": "is_merged",
            "spam_left_cohort": "is_spam and not is_merged",
            "asks_for_nothing": "not calls_for_handling",
            "end_not_timed": "is_end_unknown",
        }.items() %}
            select source, 'case' as kind, '{{ finding }}' as finding, load_id
            from cases
            where {{ condition }}
            union all
        {% endfor %}
        select cases.source, 'case_event', 'event_before_opening', events.load_id
        from {{ ref("stg_case_events") }} as events
        inner join cases on cases.case_key = events.case_key
        where events.is_current and events.occurred_at < cases.opened_at
        union all
        select events.source, 'case_event', 'event_without_case', events.load_id
        from {{ ref("stg_case_events") }} as events
        left join cases on cases.case_key = events.case_key
        where events.is_current and cases.case_key is null
        union all
        select policies.source, 'sla_policy', 'rule_without_calendar', policies.load_id
        from {{ ref("stg_sla_policies") }} as policies
        left join
            (select calendar_id from {{ ref("int_calendar_intervals") }} group by calendar_id) as calendars
            on calendars.calendar_id = policies.calendar_id
        where policies.is_current and policies.is_business_time and calendars.calendar_id is null
    )
select source, kind, finding, count(*) as n, max(load_id) as example_load
from findings
group by source, kind, finding
