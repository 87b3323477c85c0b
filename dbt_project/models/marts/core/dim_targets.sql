-- One row per target for a metric and stretch of time; the next one of the same metric and member ends it.
-- Of two that begin on one day, the company's own goes first, then the last by id; the other is in force on no day.
with
    named as (
        select
            target.target_id,
            target.source,
            target.metric_id,
            coalesce(target.variant, metric.variant, '') as variant,
            coalesce(target.breakdown, '') as breakdown,
            coalesce(target.member, '') as member,
            target.owner,
            target.reason,
            target.target_value,
            target.valid_from,
            coalesce(target.valid_to, date '9999-01-01') as told_to
        from {{ ref("stg_targets") }} as target
        left join
            {{ ref("dim_metrics") }} as metric
            on target.metric_id = metric.metric_id
            and metric.is_headline
            and metric.is_in_force
        where target.is_current
    ),

    days as (select distinct metric_id, variant, breakdown, member, valid_from from named),

    followed as (
        select
            days.*,
            coalesce(
                lead(valid_from) over (partition by metric_id, variant, breakdown, member order by valid_from),
                date '9999-01-01'
            ) as next_from
        from days
    ),

    ranked as (
        select
            named.*,
            followed.next_from,
            row_number() over (
                partition by named.metric_id, named.variant, named.breakdown, named.member, named.valid_from
                order by case when named.source = 'reference' then 0 else 1 end, named.target_id desc
            ) as place
        from named
        inner join
            followed
            on named.metric_id = followed.metric_id
            and named.variant = followed.variant
            and named.breakdown = followed.breakdown
            and named.member = followed.member
            and named.valid_from = followed.valid_from
    )

select
    -- ids
    target_id,
    source,
    metric_id,
    -- text
    variant,
    breakdown,
    member,
    owner,
    reason,
    -- numbers
    target_value,
    -- times
    valid_from,
    case when place > 1 then valid_from when told_to < next_from then told_to else next_from end as valid_to
from ranked
