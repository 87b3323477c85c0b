-- One row per period and breakdown cell: backlog open_at_period_end, the cases open at the end of the period, or, in
-- the period in which a source was last observed, at that instant. A cell once seen stays in, at zero when nothing is
-- open. Parts: how long those have been open, and what moved in the period: open now = open a period before + received
-- + reopened - resolved - closed unresolved - unobserved (open where a source was observed no further).
{% set movements = ["received", "reopened", "resolved", "closed_unresolved", "unobserved"] %}
{% set ages = [7, 30, 90] %}
{% set cell_of = [
    "metric_id",
    "variant",
    "period_grain",
    "period_start",
    "period_end",
    "breakdown",
] + metric_dimensions() %}
{% set age_counts, movement_counts, parts = {}, {}, {"median_age_days": "median_age_days"} %}
{% for days in ages %}
    {% set name = "n_open_over_" ~ days ~ "_days" %}
    {% do age_counts.update({name: "count(case when age_days > " ~ days ~ " then 1 end)"}) %}
    {% do parts.update({name: name}) %}
{% endfor %}
{% for movement in movements %}
    {% do movement_counts.update({"n_" ~ movement: "count(case when movement = '" ~ movement ~ "' then 1 end)"}) %}
    {% do parts.update({"n_" ~ movement: "n_" ~ movement}) %}
{% endfor %}
with
    sources as (
        select
            movements.source,
            min(movements.moved_on) as first_day,
            max({{ local_date(add_minutes("sources.observed_until", "-1.0 / 60")) }}) as last_day
        from {{ ref("int_case_movements") }} as movements
        inner join {{ ref("int_sources") }} as sources on sources.source = movements.source
        group by movements.source
    ),
    days as ({{ days_of("sources", "first_day", "last_day", ["source", "last_day"]) }}),
    -- a day ends a period of a grain when the period ends with it, or when it is the last one observed
    instants as (
        select *
        from
            (
                select
                    days.source,
                    days.day,
                    days.last_day,
                    grains.period_grain,
                    {{ period_start_of("grains.period_grain", "days.day") }} as period_start,
                    {{ period_end_of("grains.period_grain", "days.day") }} as period_end
                from days
                cross join
                    (
                        {% for grain in period_grains() %}
                            select '{{ grain }}' as period_grain
                            {% if not loop.last %}
                                union all
                            {% endif %}
                        {% endfor %}
                    ) as grains
            ) as periods_of_day
        where day = last_day or period_end = {{ add_days("day", 1) }}
    ),
    items as (
        select
            'backlog' as metric_id,
            'open_at_period_end' as variant,
            instants.period_grain,
            instants.period_start,
            instants.period_end,
            instants.day,
            instants.last_day,
            cases.case_key as record_key,
            cases.subject_key,
            cases.counted_key,
            {{ days_between(local_date("cases.opened_at"), "instants.day") }} as age_days,
            {{ case_dimensions("cases") }}
        from {{ ref("int_case_open_days") }} as open_days
        inner join instants on instants.source = open_days.source and instants.day = open_days.day
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = open_days.case_key
    ),
    cells as (
        {{
            metric_cells(
                "items",
                backlog_breakdowns(),
                dict(
                    age_counts,
                    n_open="count(*)",
                    median_age_days=quantile_of("age_days", 0.5),
                    first_day="min(day)",
                    last_day="max(last_day)",
                ),
                anchor=none,
            )
        }}
    ),
    moved as (
        select
            'backlog' as metric_id,
            'open_at_period_end' as variant,
            movements.moved_at,
            movements.movement,
            movements.case_key as record_key,
            cases.subject_key,
            cases.counted_key,
            {{ case_dimensions("cases") }}
        from {{ ref("int_case_movements") }} as movements
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = movements.case_key
        -- what a source tells of times after its last observation is no part of the backlog of then
        inner join sources on sources.source = movements.source and movements.moved_on <= sources.last_day
    ),
    moves as (
        select
            metric_id,
            variant,
            period_grain,
            period_start,
            movement,
            record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("dated") }}
        from ({{ periods("moved", "moved_at") }}) as dated
        union all
        -- in the period after the one in which its source was last observed nobody knows of a case any more
        select
            metric_id,
            variant,
            period_grain,
            period_end,
            'unobserved',
            record_key,
            subject_key,
            counted_key,
            {{ case_dimensions("items") }}
        from items
        where day = last_day and period_grain <> 'all'
    ),
    dated_moves as (select moves.*, {{ period_end_of("period_grain", "period_start") }} as period_end from moves),
    flows as ({{ metric_cells("dated_moves", backlog_breakdowns(), movement_counts, anchor=none) }}),
    members as (
        select
            metric_id,
            variant,
            breakdown,
            {{ metric_dimensions() | join(", ") }},
            min(first_day) as first_day,
            max(last_day) as last_day
        from cells
        group by metric_id, variant, breakdown, {{ metric_dimensions() | join(", ") }}
    ),
    ends as (
        select day, period_grain, period_start, period_end
        from instants
        group by day, period_grain, period_start, period_end
    ),
    filled as (
        select
            metric_id,
            variant,
            period_grain,
            period_start,
            period_end,
            breakdown,
            {{ metric_dimensions() | join(", ") }},
            n_subjects,
            subject_basis,
            n_open,
            {% for days in ages %} n_open_over_{{ days }}_days, {% endfor %}
            median_age_days
        from cells
        union all
        select
            members.metric_id,
            members.variant,
            ends.period_grain,
            ends.period_start,
            ends.period_end,
            members.breakdown,
            {% for dimension in metric_dimensions() %} members.{{ dimension }}, {% endfor %}
            0,
            null,
            0,
            {% for days in ages %} 0, {% endfor %}
            null
        from members
        inner join ends on ends.day >= members.first_day and ends.day <= members.last_day
        -- days and weeks are cut for the whole and by source only, as in metric_cells
        where members.breakdown in ('', 'source') or ends.period_grain not in ('day', 'week')
    ),
    totals as (
        select
            metric_id,
            variant,
            period_grain,
            period_start,
            period_end,
            breakdown,
            {{ metric_dimensions() | join(", ") }},
            sum(n_subjects) as n_subjects,
            coalesce(max(subject_basis), 'record') as subject_basis,
            sum(n_open) as n_open,
            {% for days in ages %} sum(n_open_over_{{ days }}_days) as n_open_over_{{ days }}_days, {% endfor %}
            max(median_age_days) as median_age_days
        from filled
        group by
            metric_id,
            variant,
            period_grain,
            period_start,
            period_end,
            breakdown,
            {{ metric_dimensions() | join(", ") }}
    )
select {{ metric_row({"numerator": "n_open", "value": "n_open"}, parts=parts) }}
from
    (
        select
            totals.*,
            {% for movement in movements %}
                coalesce(flows.n_{{ movement }}, 0) as n_{{ movement }} {% if not loop.last %},{% endif %}
            {% endfor %}
        from totals
        left join flows on {{ key_of(cell_of, "totals") }} = {{ key_of(cell_of, "flows") }}
    ) as explained
