-- In every cell and period, over all sources and by any dimension, what is open now is what was open a period before,
-- and received and reopened, less resolved, closed unresolved and observed no further.
with
    followed as (
        select
            {{ key_of(series_columns(), "cell") }} as series,
            cell.period_start,
            cell.value,
            cell.n_received + cell.n_reopened - cell.n_resolved - cell.n_closed_unresolved - cell.n_unobserved as moved,
            lag(cell.value) over (
                partition by {{ key_of(series_columns(), "cell") }} order by cell.period_start
            ) as value_before
        from {{ ref("kpi_backlog") }} as cell
    )
select series, period_start, value, value_before, moved
from followed
where value <> coalesce(value_before, 0) + moved or moved is null
