-- open(t) = open(t - 1) + received + reopened - resolved - closed unresolved: on every day of every source the
-- backlog that is published equals the sum of all movements until then.
with
    published as (
        select source, period_start as day, value
        from {{ ref("int_metrics_backlog") }}
        where breakdown = 'source' and period_grain = 'day'
    ),
    moved as (
        select source, moved_on, sum(change) as change from {{ ref("int_case_movements") }} group by source, moved_on
    )
select published.source, published.day, published.value, sum(moved.change) as explained
from published
left join moved on moved.source = published.source and moved.moved_on <= published.day
group by published.source, published.day, published.value
having published.value <> coalesce(sum(moved.change), 0)
