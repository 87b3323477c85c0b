-- One row per movement of a case into or out of the backlog: received and reopened (+1), resolved and
-- closed_unresolved (-1).
-- Cases whose end the source does not time are no part of the backlog. A case that is gone (deleted, withdrawn,
-- erased, expired) takes its movements with it, so that the flows always explain the stock.
with
    turns as (
        select
            states.*,
            states.status in ('resolved', 'closed', 'cancelled') as is_done,
            lag(states.status) over (partition by states.case_key order by states.turn) as previous_status
        from {{ ref("int_case_status_intervals") }} as states
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = states.case_key
        where not cases.is_end_unknown
    ),
    moves as (select *, coalesce(previous_status in ('resolved', 'closed', 'cancelled'), true) as was_out from turns)
select
    case_key,
    source,
    starts_at as moved_at,
    {{ local_date("starts_at") }} as moved_on,
    case
        when previous_status is null
        then 'received'
        when not is_done
        then 'reopened'
        when status = 'resolved'
        then 'resolved'
        else 'closed_unresolved'
    end as movement,
    case when is_done then -1 else 1 end as change,
    turn
from moves
where is_done <> was_out
