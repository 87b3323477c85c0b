-- Promoters, passives and detractors are all answers there are, and the score is their difference.
select metric_id, variant, period_grain, period_start, breakdown
from {{ ref("kpi_nps") }}
where
    variant <> 'weighted'
    and (
        n_promoters + n_passives + n_detractors <> n_answered
        or abs(value - 100.0 * (n_promoters - n_detractors) / n_answered) > 1e-9
    )
