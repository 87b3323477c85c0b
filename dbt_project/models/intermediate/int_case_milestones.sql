-- One row per current case: when each of its milestones was reached, by the case's own events where they tell, else
-- by the times the case declares (first and last resolution: else by its status history).
-- A declared resolution counts only while the case stands resolved or closed. Bots and notes are not replies; a case
-- that an agent opened for a customer waits for the second agent message. Null = not reached, or not told by the
-- source.
with
    cases as (
        select cases.*, sources.observed_until
        from {{ ref("stg_cases") }} as cases
        inner join {{ ref("int_sources") }} as sources on sources.source = cases.source
        where cases.is_current
    ),
    versions as (
        select case_key, max(reopen_count) as reopen_count
        from {{ ref("stg_cases") }}
        where withheld_reason is null
        group by case_key
    ),
    events as (select * from {{ ref("stg_case_events") }} where is_current),
    openers as (
        select case_key, min(author_role) as author_role from events where event_type = 'opened' group by case_key
    ),
    agent_messages as (
        select
            case_key,
            occurred_at,
            is_substantive,
            row_number() over (partition by case_key order by occurred_at, sequence, event_key) as message
        from events
        where
            event_type = 'message_out'
            and coalesce(author_role, 'agent') = 'agent'
            and coalesce(is_public, true)
            and not coalesce(is_automatic, false)
    ),
    replies as (
        select
            agent_messages.case_key,
            min(agent_messages.occurred_at) as first_replied_at,
            min(
                case when agent_messages.is_substantive then agent_messages.occurred_at end
            ) as first_substantive_reply_at
        from agent_messages
        inner join cases on cases.case_key = agent_messages.case_key
        left join openers on openers.case_key = cases.case_key
        where
            agent_messages.message
            >= case when coalesce(cases.opened_by, openers.author_role) = 'agent' then 2 else 1 end
        group by agent_messages.case_key
    ),
    told as (
        select
            case_key,
            min(case when event_type = 'acknowledged' then occurred_at end) as acknowledged_at,
            min(
                case
                    when event_type = 'message_out' and (author_role in ('bot', 'system') or is_automatic)
                    then occurred_at
                end
            ) as first_automatic_message_at,
            min(case when event_type = 'resolved' then occurred_at end) as first_resolved_at,
            max(case when event_type = 'resolved' then occurred_at end) as last_resolved_at,
            max(case when event_type = 'closed' then occurred_at end) as closed_at,
            min(case when event_type = 'customer_notified' then occurred_at end) as customer_notified_at,
            min(case when event_type = 'customer_confirmed' then occurred_at end) as customer_confirmed_at,
            min(case when event_type = 'reopened' then occurred_at end) as first_reopened_at,
            sum(case when event_type = 'reopened' then 1 else 0 end) as reopen_count,
            max(case when event_type = 'merged' then 1 else 0 end) as is_merged,
            max(case when event_type in ('reopened', 'status') then 1 else 0 end) as has_status_history,
            max(case when event_type in ('message_out', 'message_in') then 1 else 0 end) as has_messages
        from events
        group by case_key
    ),
    turns as (
        select
            *,
            lag(status) over (partition by case_key order by turn) in ('resolved', 'closed')
            and status in ('new', 'open', 'pending', 'on_hold') as is_reopening
        from {{ ref("int_case_status_intervals") }}
    ),
    states as (
        select
            case_key,
            min(case when status = 'resolved' then starts_at end) as first_resolved_at,
            max(case when status = 'resolved' then starts_at end) as last_resolved_at,
            max(case when status = 'closed' then starts_at end) as closed_at,
            min(case when is_reopening then starts_at end) as first_reopened_at,
            sum(case when is_reopening then 1 else 0 end) as reopen_count,
            max(case when is_last then status end) as last_status,
            max(starts_at) as last_changed_at,
            max(case when is_told_by_events then 1 else 0 end) as is_told_by_events
        from turns
        group by case_key
    ),
    milestones as (
        select
            cases.*,
            coalesce(
                told.acknowledged_at, cases.acknowledged_at, told.first_automatic_message_at
            ) as any_acknowledged_at,
            case
                when told.has_messages = 1 then replies.first_replied_at else cases.first_replied_at
            end as any_first_replied_at,
            replies.first_substantive_reply_at,
            case
                when coalesce(cases.status, 'resolved') in ('resolved', 'closed') then cases.resolved_at
            end as declared_resolved_at,
            case when coalesce(cases.status, 'closed') = 'closed' then cases.closed_at end as declared_closed_at,
            told.first_resolved_at as told_first_resolved_at,
            told.last_resolved_at as told_last_resolved_at,
            told.closed_at as told_closed_at,
            told.customer_notified_at,
            told.customer_confirmed_at,
            told.first_reopened_at as told_first_reopened_at,
            versions.reopen_count as counted_reopenings,
            told.reopen_count as told_reopenings,
            told.case_key is not null as has_events,
            coalesce(told.is_merged, 0) as is_told_merged,
            coalesce(told.has_messages, 0) as has_messages,
            coalesce(told.has_status_history, 0) as has_status_history,
            states.first_resolved_at as state_first_resolved_at,
            states.last_resolved_at as state_last_resolved_at,
            states.closed_at as state_closed_at,
            states.first_reopened_at as state_first_reopened_at,
            states.reopen_count as state_reopenings,
            states.last_status,
            -- where a case's own events tell its status, they are believed, unless the case was changed after them
            states.is_told_by_events = 1
            and coalesce(cases.updated_at <= states.last_changed_at, true) as is_status_told
        from cases
        left join versions on versions.case_key = cases.case_key
        left join told on told.case_key = cases.case_key
        left join replies on replies.case_key = cases.case_key
        left join states on states.case_key = cases.case_key
    ),
    -- a source that never tells of reopenings (no such event, no history of statuses, and the case has no count) has
    -- none that could be counted, which is not the same as none
    judged as (
        select
            *,
            max(case when has_status_history = 1 or state_reopenings > 0 then 1 else 0 end) over (partition by source)
            = 1 as is_reopening_timed,
            max(case when not has_events and state_reopenings > 0 then 1 else 0 end) over (partition by source)
            = 1 as is_reopening_versioned
        from milestones
    ),
    settled as (
        select
            -- ids
            case_key,
            subject_key,
            counted_key,
            agent_key,
            source,
            load_id,
            -- dimensions
            channel,
            product_id as product,
            store_id as store,
            region,
            touchpoint,
            team,
            language,
            case_type,
            category,
            priority,
            -- text
            opened_by,
            status,
            close_reason,
            -- numbers
            case
                when counted_reopenings is not null
                then counted_reopenings
                when told_reopenings > 0
                then told_reopenings
                when has_events and is_reopening_timed
                then coalesce(state_reopenings, 0)
                when is_reopening_versioned
                then state_reopenings
            end as reopen_count,
            -- flags
            is_reopening_timed,
            is_told_merged = 1 or coalesce(close_reason = 'merged', false) as is_merged,
            coalesce(close_reason = 'spam', false) as is_spam,
            coalesce(calls_for_handling, coalesce(case_type, 'other') <> 'praise') as calls_for_handling,
            has_messages = 1 or any_first_replied_at is not null as has_replies,
            coalesce(status in ('resolved', 'closed', 'cancelled'), false)
            and coalesce(last_status not in ('resolved', 'closed', 'cancelled'), true)
            and not coalesce(is_status_told, false) as is_end_unknown,
            is_sla_met,
            is_timely,
            -- times
            opened_at,
            any_acknowledged_at as acknowledged_at,
            any_first_replied_at as first_replied_at,
            first_substantive_reply_at,
            coalesce(told_first_resolved_at, declared_resolved_at, state_first_resolved_at) as first_resolved_at,
            coalesce(told_last_resolved_at, declared_resolved_at, state_last_resolved_at) as last_resolved_at,
            coalesce(told_closed_at, declared_closed_at, state_closed_at) as closed_at,
            customer_notified_at,
            customer_confirmed_at,
            coalesce(told_first_reopened_at, state_first_reopened_at) as first_reopened_at,
            observed_until
        from judged
    )
select
    *,
    -- whether the source tells a milestone at all; a milestone it never tells is not measurable, not unreached
    max(case when has_replies then 1 else 0 end) over (partition by source) = 1 as is_reply_told,
    max(case when first_resolved_at is not null then 1 else 0 end) over (partition by source) = 1 as is_resolution_told
from settled
