-- Promoters, passives and detractors are all answers there are, and the score is their difference; so are their
-- weights.
select metric_id, variant, period_grain, period_start, breakdown
from {{ ref("kpi_nps") }}
where
    case
        when variant <> 'weighted'
        then
            n_promoters + n_passives + n_detractors <> n_answered
            or abs(value - 100.0 * (n_promoters - n_detractors) / n_answered) > 1e-9
        else
            abs(w_promoters + w_passives + w_detractors - denominator) > 1e-9 * denominator
            or abs(value - 100.0 * (w_promoters - w_detractors) / denominator) > 1e-9
    end
    or coalesce(n_promoters, w_promoters) is null
