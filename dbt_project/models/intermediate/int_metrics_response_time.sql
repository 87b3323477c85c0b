-- One row per metric, variant, period and breakdown cell: first_reply_minutes.
with
    clocks as ({{ by_both_clocks(ref("int_case_clocks")) }}),
    items as (
        select
            'first_reply_minutes' as metric_id,
            clocks.clock,
            cases.opened_at as anchor_at,
            cases.case_key as record_key,
            cases.subject_key,
            cases.counted_key,
            {{ case_dimensions("cases") }},
            clocks.minutes as duration,
            clocks.is_event
        from clocks
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = clocks.case_key
        where clocks.metric = 'first_reply'
    )
    {% set parts = finished_within(
        {"n_within_1_hour": 60, "n_within_4_hours": 240, "n_within_8_hours": 480, "n_within_24_hours": 1440}
    ) %}
select *
from ({{ km_metric_rows("items", case_breakdowns(), parts=parts) }}) as timed
