-- One row per metric, variant, period and breakdown cell: resolution_hours.
with
    clocks as ({{ by_both_clocks(ref("int_case_clocks")) }}),
    items as (
        select
            'resolution_hours' as metric_id,
            clocks.clock,
            cases.opened_at as anchor_at,
            cases.case_key as record_key,
            cases.subject_key,
            cases.counted_key,
            {{ case_dimensions("cases") }},
            clocks.minutes / 60 as duration,
            clocks.is_event
        from clocks
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = clocks.case_key
        where clocks.metric = 'resolution'
    )
    {% set parts = finished_within(
        {"n_within_8_hours": 8, "n_within_24_hours": 24, "n_within_72_hours": 72, "n_within_7_days": 168}
    ) %}
select *
from ({{ km_metric_rows("items", case_breakdowns(), parts=parts) }}) as timed
