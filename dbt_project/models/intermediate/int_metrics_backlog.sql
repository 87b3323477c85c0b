-- One row per period and breakdown cell: backlog open_at_period_end, the cases open at the end of the period, or, in
-- the period in
-- which a source was last observed, at that instant. A cell once seen stays in, at zero when nothing is open.
{% set breakdowns = ["", "source", "channel", "store", "team", "case_type", "category", "priority"] %}
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
            {{ case_dimensions("cases") }}
        from {{ ref("int_case_open_days") }} as open_days
        inner join instants on instants.source = open_days.source and instants.day = open_days.day
        inner join {{ ref("int_case_milestones") }} as cases on cases.case_key = open_days.case_key
    ),
    cells as (
        {{
            metric_cells(
                "items",
                breakdowns,
                {"n_open": "count(*)", "first_day": "min(day)", "last_day": "max(last_day)"},
                anchor=none,
            )
        }}
    ),
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
            n_open
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
            0
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
            sum(n_open) as n_open
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
select {{ metric_row({"numerator": "n_open", "value": "n_open"}) }}
from totals
