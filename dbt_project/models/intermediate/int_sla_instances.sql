-- One row per case, policy, metric and instance: what was promised, by when, and what became of it.
-- state: met | breached | active | active_breached | cancelled (merged, spam, or closed in time without what was
-- awaited).
-- The clock runs from starts_at in the statuses that the metric counts, less the rule's pausing statuses, on the
-- rule's calendar.
-- The target in force is that of the priority at that moment: an instance breaches at the first instant at which what
-- has run exceeds the target of the priority it then has, also where a raised priority shortens the target below what
-- has run already.
-- due_at: that instant, else when the target would run out were the clock to run on from the end.
with
    cases as (
        select *, last_resolved_at is not null and status in ('resolved', 'closed') as is_resolved_now
        from {{ ref("int_case_milestones") }}
        where not is_end_unknown
    ),
    calendars as (select calendar_id from {{ ref("int_calendar_intervals") }} group by calendar_id),
    rules as (
        select
            policies.policy_id,
            policies.rule_id,
            policies.metric,
            policies.priority,
            policies.applies_to_source,
            policies.applies_to_channel,
            policies.target_minutes,
            policies.pausing_statuses,
            coalesce(policies.stop_at, 'first') as stop_at,
            policies.valid_from,
            policies.valid_to,
            calendars.calendar_id
        from {{ ref("dim_sla_policies") }} as policies
        inner join
            calendars
            on calendars.calendar_id
            = case when policies.is_business_time then policies.calendar_id else '{{ around_the_clock() }}' end
    ),
    -- the rule of each policy and metric for each stretch of a case's priority
    candidates as (
        select
            cases.case_key,
            priorities.turn,
            priorities.starts_at as in_force_from,
            priorities.ends_at as in_force_until,
            rules.*,
            row_number() over (
                partition by cases.case_key, priorities.turn, rules.policy_id, rules.metric
                order by
                    case when rules.priority is null then 1 else 0 end,
                    case when rules.applies_to_channel is null then 1 else 0 end,
                    case when rules.applies_to_source is null then 1 else 0 end,
                    rules.valid_from desc,
                    rules.rule_id
            ) as choice
        from cases
        inner join {{ ref("int_case_priority_intervals") }} as priorities on priorities.case_key = cases.case_key
        inner join
            rules
            on (rules.applies_to_source is null or rules.applies_to_source = cases.source)
            and (rules.applies_to_channel is null or rules.applies_to_channel = cases.channel)
            and (rules.priority is null or rules.priority = priorities.priority)
            and (rules.valid_from is null or rules.valid_from <= cases.opened_at)
            and (rules.valid_to is null or rules.valid_to > cases.opened_at)
    ),
    chosen as (select * from candidates where choice = 1),
    messages as (
        select
            case_key,
            occurred_at,
            sequence,
            event_key,
            case when event_type = 'message_out' then 'agent' else 'customer' end as author
        from {{ ref("stg_case_events") }}
        where
            is_current
            and (
                event_type = 'message_in'
                or (
                    event_type = 'message_out'
                    and coalesce(author_role, 'agent') = 'agent'
                    and coalesce(is_public, true)
                    and not coalesce(is_automatic, false)
                )
            )
    ),
    threads as (
        select
            messages.*,
            lag(author) over (
                partition by messages.case_key order by messages.occurred_at, sequence, event_key
            ) as previous_author,
            min(case when author = 'agent' then messages.occurred_at end) over (
                partition by messages.case_key
                order by messages.occurred_at, sequence, event_key
                rows between 1 following and unbounded following
            ) as next_reply_at
        from messages
    ),
    awaited as (
        select 'first_reply' as metric, case_key, 1 as instance, opened_at as starts_at, first_replied_at as stops_at
        from cases
        where is_reply_told
        union all
        select
            'next_reply',
            threads.case_key,
            row_number() over (partition by threads.case_key order by threads.occurred_at),
            threads.occurred_at,
            threads.next_reply_at
        from threads
        inner join cases on cases.case_key = threads.case_key
        where
            threads.author = 'customer'
            and threads.previous_author = 'agent'
            and threads.occurred_at >= cases.first_replied_at
        union all
        select
            'periodic_update',
            updates.case_key,
            row_number() over (partition by updates.case_key order by updates.starts_at),
            updates.starts_at,
            case
                when updates.next_reply_at is null or cases.first_resolved_at < updates.next_reply_at
                then cases.first_resolved_at
                else updates.next_reply_at
            end
        from
            (
                select case_key, occurred_at as starts_at, next_reply_at
                from threads
                where author = 'agent'
                union all
                select cases.case_key, cases.opened_at, min(messages.occurred_at)
                from cases
                left join messages on messages.case_key = cases.case_key and messages.author = 'agent'
                where cases.is_reply_told
                group by cases.case_key, cases.opened_at
            ) as updates
        inner join cases on cases.case_key = updates.case_key
        where cases.first_resolved_at is null or updates.starts_at < cases.first_resolved_at
        union all
        select metrics.metric, cases.case_key, 1, cases.opened_at, cases.first_resolved_at
        from cases
        cross join
            (
                select 'resolution' as metric
                union all
                select 'agent_work'
                union all
                select 'requester_wait'
            ) as metrics
        where cases.is_resolution_told
    ),
    -- every instance under every rule that was ever in force for it
    clocks as (
        select
            awaited.case_key,
            awaited.metric,
            awaited.instance,
            awaited.starts_at,
            rules_of_case.policy_id,
            rules_of_case.rule_id,
            rules_of_case.target_minutes,
            rules_of_case.calendar_id,
            rules_of_case.pausing_statuses,
            rules_of_case.stop_at,
            cases.is_merged or cases.is_spam as is_void,
            cases.closed_at,
            cases.observed_until,
            case
                when awaited.metric in ('resolution', 'agent_work', 'requester_wait') and rules_of_case.stop_at = 'last'
                then case when cases.is_resolved_now then cases.last_resolved_at end
                else awaited.stops_at
            end as stops_at
        from awaited
        inner join cases on cases.case_key = awaited.case_key
        inner join
            (
                select case_key, metric, policy_id, rule_id, target_minutes, calendar_id, pausing_statuses, stop_at
                from chosen
                group by case_key, metric, policy_id, rule_id, target_minutes, calendar_id, pausing_statuses, stop_at
            ) as rules_of_case
            on rules_of_case.case_key = awaited.case_key
            and rules_of_case.metric = awaited.metric
        where awaited.stops_at is null or awaited.stops_at >= awaited.starts_at
    ),
    ended as (
        select
            *,
            case
                when stops_at is not null
                then stops_at
                when closed_at >= starts_at and closed_at < observed_until
                then closed_at
                else observed_until
            end as ends_at,
            stops_at is null and coalesce(closed_at >= starts_at, false) as is_given_up
        from clocks
    ),
    pieces as (
        select
            ended.case_key,
            ended.policy_id,
            ended.rule_id,
            ended.metric,
            ended.instance,
            ended.calendar_id,
            ended.target_minutes,
            -- all of these instants are known, so that least and greatest skip nothing
            case
                when ended.metric = 'agent_work'
                then states.status in ('new', 'open')
                when ended.metric = 'requester_wait'
                then states.status in ('new', 'open', 'on_hold')
                else ended.stop_at = 'first' or states.status not in ('resolved', 'closed')
            end
            and not {{ array_has("ended.pausing_statuses", "states.status") }} as is_running,
            chosen.rule_id is not null as is_in_force,
            greatest(ended.starts_at, states.starts_at, priorities.starts_at) as starts_at,
            least(
                ended.ends_at,
                case when states.is_last then ended.ends_at else states.ends_at end,
                case when priorities.is_last then ended.ends_at else priorities.ends_at end
            ) as ends_at
        from ended
        inner join
            {{ ref("int_case_status_intervals") }} as states
            on states.case_key = ended.case_key
            and states.starts_at < ended.ends_at
            and (states.ends_at > ended.starts_at or states.is_last)
        inner join
            {{ ref("int_case_priority_intervals") }} as priorities
            on priorities.case_key = ended.case_key
            and priorities.starts_at < ended.ends_at
            and (priorities.ends_at > ended.starts_at or priorities.is_last)
        left join
            chosen
            on chosen.case_key = ended.case_key
            and chosen.policy_id = ended.policy_id
            and chosen.metric = ended.metric
            and chosen.rule_id = ended.rule_id
            and chosen.turn = priorities.turn
    ),
    from_totals as (
        select pieces.*, {{ total_at("opening", "pieces.calendar_id", "pieces.starts_at") }} as total_at_start
        from pieces {{ join_interval("opening", "pieces.calendar_id", "pieces.starts_at") }}
        where pieces.starts_at < pieces.ends_at
    ),
    to_totals as (
        select from_totals.*, {{ total_at("ending", "from_totals.calendar_id", "from_totals.ends_at") }} as total_at_end
        from from_totals {{ join_interval("ending", "from_totals.calendar_id", "from_totals.ends_at") }}
    ),
    runs as (select *, case when is_running then total_at_end - total_at_start else 0 end as minutes from to_totals),
    elapsed as (
        select
            *,
            coalesce(
                sum(minutes) over (
                    partition by case_key, policy_id, rule_id, metric, instance
                    order by starts_at
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as minutes_before
        from runs
    ),
    excesses as (
        select *, total_at_start + target_minutes - minutes_before as total_at_due
        from elapsed
        where is_in_force and minutes_before + minutes > target_minutes + 1e-6
    ),
    breaches as (
        select
            excesses.case_key,
            excesses.policy_id,
            excesses.rule_id,
            excesses.metric,
            excesses.instance,
            excesses.target_minutes,
            case
                when excesses.minutes_before > excesses.target_minutes or due.starts_at is null
                then excesses.starts_at
                else {{ add_minutes("due.starts_at", "excesses.total_at_due - due.minutes_before") }}
            end as breached_at
        from excesses {{ join_interval_by_total("due", "excesses.calendar_id", "excesses.total_at_due") }}
    ),
    first_breaches as (
        select
            *,
            row_number() over (partition by case_key, policy_id, metric, instance order by breached_at, rule_id) as nr
        from breaches
    ),
    -- the rule last in force while the clock ran decides what is due where nothing was breached
    run_totals as (
        select
            case_key,
            policy_id,
            rule_id,
            metric,
            instance,
            sum(minutes) as elapsed_minutes,
            max(case when is_in_force then starts_at end) as last_in_force_at
        from elapsed
        group by case_key, policy_id, rule_id, metric, instance
    ),
    finals as (
        select
            ended.*,
            coalesce(run_totals.elapsed_minutes, 0) as elapsed_minutes,
            row_number() over (
                partition by ended.case_key, ended.policy_id, ended.metric, ended.instance
                order by run_totals.last_in_force_at desc nulls last, ended.rule_id
            ) as nr
        from ended
        left join
            run_totals
            on run_totals.case_key = ended.case_key
            and run_totals.policy_id = ended.policy_id
            and run_totals.rule_id = ended.rule_id
            and run_totals.metric = ended.metric
            and run_totals.instance = ended.instance
    ),
    final_totals as (
        select
            finals.*,
            {{ total_at("ending", "finals.calendar_id", "finals.ends_at") }}
            + finals.target_minutes
            - finals.elapsed_minutes as total_at_due
        from finals {{ join_interval("ending", "finals.calendar_id", "finals.ends_at") }}
        where finals.nr = 1
    ),
    dues as (
        select
            final_totals.*,
            case
                -- beyond the calendar's horizon nothing is due yet
                when final_totals.total_at_due <= due.minutes_before + due.minutes
                then {{ add_minutes("due.starts_at", "final_totals.total_at_due - due.minutes_before") }}
            end as runs_out_at
        from final_totals {{ join_interval_by_total("due", "final_totals.calendar_id", "final_totals.total_at_due") }}
    )
select
    dues.case_key,
    cases.source,
    cases.subject_key,
    dues.policy_id as sla_policy,
    coalesce(first_breaches.rule_id, dues.rule_id) as rule_id,
    dues.metric as sla_metric,
    dues.instance,
    coalesce(first_breaches.target_minutes, dues.target_minutes) as target_minutes,
    dues.elapsed_minutes,
    dues.starts_at,
    coalesce(first_breaches.breached_at, dues.runs_out_at) as due_at,
    dues.stops_at as stopped_at,
    first_breaches.breached_at,
    case
        when dues.is_void
        then 'cancelled'
        when first_breaches.breached_at is not null and (dues.stops_at is not null or dues.is_given_up)
        then 'breached'
        when first_breaches.breached_at is not null
        then 'active_breached'
        when dues.stops_at is not null
        then 'met'
        when dues.is_given_up
        then 'cancelled'
        else 'active'
    end as state
from dues
inner join cases on cases.case_key = dues.case_key
left join
    first_breaches
    on first_breaches.case_key = dues.case_key
    and first_breaches.policy_id = dues.policy_id
    and first_breaches.metric = dues.metric
    and first_breaches.instance = dues.instance
    and first_breaches.nr = 1
