-- One row per variant, period and person active at its start: whether the person is still active at its end; once of
-- each source (is_of_source) and once of the company (is_of_company), where active at any source is active.
-- Only periods observed to their end. Grain all: the 90 days up to where the source was last observed.
-- Segment, contract, region and channel are those of that start.
with
    activity as (select * from {{ ref("int_customer_activity") }}),
    boundaries as (
        select activity, source, boundary, last_day from activity group by activity, source, boundary, last_day
    ),
    periods_of_source as (
        select
            starts.activity,
            starts.source,
            grains.period_grain,
            starts.boundary as period_start,
            {{ period_end_of("grains.period_grain", "starts.boundary") }} as period_end,
            starts.last_day
        from boundaries as starts
        cross join
            (
                select 'month' as period_grain
                union all
                select 'quarter'
                union all
                select 'year'
            ) as grains
        where {{ period_start_of("grains.period_grain", "starts.boundary") }} = starts.boundary
    ),
    windows as (
        select
            spans.activity,
            spans.source,
            spans.period_grain,
            spans.period_start,
            spans.period_end,
            spans.period_start as starts_on,
            spans.period_end as ends_on
        from periods_of_source as spans
        left join
            boundaries as ends
            on ends.activity = spans.activity
            and ends.source = spans.source
            and ends.boundary = spans.period_end
        -- on the last day renewals show only where they are booked ahead: where nobody's is, that day tells nothing
        where
            spans.period_end < spans.last_day
            or (spans.period_end = spans.last_day and (spans.activity = 'purchase' or ends.boundary is not null))
        union all
        select 'purchase', source, 'all', null, null, {{ add_days("max(last_day)", -90) }}, max(last_day)
        from activity
        where activity = 'purchase'
        group by source
    ),
    kept as (
        select
            windows.*,
            at_start.subject_key,
            at_start.currency,
            at_start.monthly_amount as amount_at_start,
            case
                when at_end.subject_key is null
                then 0
                when at_end.currency = at_start.currency
                then at_end.monthly_amount
            end as amount_at_end,
            at_end.subject_key is not null as is_retained
        from windows
        inner join
            activity as at_start
            on at_start.activity = windows.activity
            and at_start.source = windows.source
            and at_start.boundary = windows.starts_on
        left join
            activity as at_end
            on at_end.activity = windows.activity
            and at_end.source = windows.source
            and at_end.boundary = windows.ends_on
            and at_end.subject_key = at_start.subject_key
    ),
    active_anywhere_at_end as (
        select windows.activity, windows.period_grain, windows.period_start, at_end.subject_key
        from windows
        inner join
            activity as at_end
            on at_end.activity = windows.activity
            and at_end.source = windows.source
            and at_end.boundary = windows.ends_on
        group by windows.activity, windows.period_grain, windows.period_start, at_end.subject_key
    ),
    active_anywhere_at_start as (
        select
            activity,
            period_grain,
            period_start,
            period_end,
            subject_key,
            min(source) as source,
            min(starts_on) as starts_on
        from kept
        group by activity, period_grain, period_start, period_end, subject_key
    ),
    kept_by_company as (
        select
            at_start.*,
            at_end.subject_key is not null as is_retained,
            cast(null as {{ type_double() }}) as amount_at_start,
            cast(null as {{ type_double() }}) as amount_at_end,
            cast(null as {{ dbt.type_string() }}) as currency,
            false as is_of_source,
            true as is_of_company
        from active_anywhere_at_start as at_start
        left join
            active_anywhere_at_end as at_end
            on at_end.activity = at_start.activity
            and at_end.subject_key = at_start.subject_key
            and at_end.period_grain = at_start.period_grain
            and coalesce(at_end.period_start, date '0001-01-01') = coalesce(at_start.period_start, date '0001-01-01')
    ),
    all_kept as (
        {% set columns = [
            "activity",
            "source",
            "period_grain",
            "period_start",
            "period_end",
            "starts_on",
            "subject_key",
            "is_retained",
            "amount_at_start",
            "amount_at_end",
            "currency",
        ] | join(", ") %}
        select {{ columns }}, true as is_of_source, false as is_of_company
        from kept
        union all
        select {{ columns }}, is_of_source, is_of_company
        from kept_by_company
    ),
    flags as (
        select source, subject_key, customer_key, is_churned
        from {{ ref("stg_customers") }}
        where is_current and is_churned is not null
    ),
    items as (
        select
            case when activity = 'purchase' then 'inactive_90_days' else 'logo' end as variant,
            source,
            period_grain,
            period_start,
            period_end,
            {{ to_utc("cast(starts_on as timestamp)", "'" ~ var("reporting_tz") ~ "'") }} as starts_at,
            subject_key,
            subject_key as record_key,
            is_retained,
            amount_at_start,
            amount_at_end,
            currency,
            is_of_source,
            is_of_company
        from all_kept
        union all
        -- a source that flags its customers without dates speaks of no period
        select
            'source_flag',
            source,
            'all',
            null,
            null,
            null,
            subject_key,
            customer_key,
            not is_churned,
            null,
            null,
            null,
            true,
            true
        from flags
    )
select
    items.*,
    items.subject_key as counted_key,
    -- what its own source does not tell of a person, the records of others do
    coalesce(own.acquired_channel, anywhere.acquired_channel) as channel,
    coalesce(own.segment, anywhere.segment) as segment,
    coalesce(own.contract, anywhere.contract) as contract,
    coalesce(own.region, anywhere.region) as region
from
    items
    {{ join_customer("own", "items.subject_key", "items.starts_at", source="items.source") }}
    {{ join_customer("anywhere", "items.subject_key", "items.starts_at") }}
