-- One row per dated step of a complaint: received by the Bureau, sent on to the company.
with
    steps as (
        select *, 'opened' as event_type, 1 as sequence, "Date received" as happened_on, 'customer' as author_role
        from complaints

        union all

        select
            *,
            'transferred' as event_type,
            2 as sequence,
            "Date sent to company" as happened_on,
            'third_party' as author_role
        from complaints
    )
select
    _record,
    "Complaint ID" || ':' || event_type as event_id,
    "Complaint ID" as case_id,
    parse_time(happened_on, '%m/%d/%y', 'America/New_York') as occurred_at,
    sequence,
    event_type,
    author_role
from steps
where happened_on not in ('None', 'N/A')
