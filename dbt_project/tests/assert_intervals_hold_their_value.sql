-- An interval holds its value, and that of a difference the difference.
-- That of a share or a score never leaves what the score can be.
select metric_id, variant, period_grain, period_start, breakdown
from {{ ref("kpi_values") }}
where
    ci_low > value
    or ci_high < value
    or difference_ci_low > difference
    or difference_ci_high < difference
    or (metric_id = 'nps' and (ci_low < -100 - 1e-9 or ci_high > 100 + 1e-9))
    or (ci_method like 'wilson%' and (ci_low < -1e-9 or ci_high > 100 + 1e-9))
