-- The cells of a breakdown add up to the whole: no item in two cells, none in no cell. Customers kept are people: one
-- who is active at two sources is one of each and one of the whole.
with
    wholes as (
        select metric_id, variant, period_grain, period_start, currency, n_answered
        from {{ ref("int_metrics_all") }}
        where breakdown = '' and cohort_age_months is null
    ),

    sums as (
        select metric_id, variant, period_grain, period_start, currency, breakdown, sum(n_answered) as n_answered
        from {{ ref("int_metrics_all") }}
        where
            breakdown not in ('', 'source,question')
            and cohort_age_months is null
            and not (
                breakdown in ('source', 'source,contract')
                and metric_id in ('retention_rate', 'churn_rate')
                and variant in ('inactive_90_days', 'logo')
            )
        group by metric_id, variant, period_grain, period_start, currency, breakdown
    )

select sums.metric_id, sums.variant, sums.period_grain, sums.period_start, sums.breakdown
from sums
inner join
    wholes
    on sums.metric_id = wholes.metric_id
    and sums.variant = wholes.variant
    and sums.period_grain = wholes.period_grain
    and sums.period_start is not distinct from wholes.period_start
    and sums.currency is not distinct from wholes.currency
where sums.n_answered <> wholes.n_answered
