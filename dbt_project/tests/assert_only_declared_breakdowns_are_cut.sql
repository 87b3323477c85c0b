-- metrics.csv declares by what a metric is cut, the models cut: nothing is cut that is not declared.
select cell.metric_id, cell.variant, cell.breakdown, count(*) as n
from {{ ref("int_metrics_all") }} as cell
left join
    {{ ref("metrics") }} as registry
    on cell.metric_id = registry.metric_id
    and cell.variant = registry.variant
    and ';' || registry.breakdowns || ';' like '%;' || cell.breakdown || ';%'
where registry.metric_id is null
group by cell.metric_id, cell.variant, cell.breakdown
