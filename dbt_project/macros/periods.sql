{#
    Periods and clocks.

    known_at()            scalar: loaded_at of the newest load that is visible (null on an empty lake)
    local_date(ts)        the day of a naive UTC instant in the reporting zone (a date)
    period_grains()       the grains, finest first
    period_start_of(grain, day), period_end_of(grain, day)
                          first day of the period, and the day after its last one; null for grain all
    periods(relation, at, grains=none)
                          a select of relation.* with period_grain, period_start, period_end (dates, end exclusive):
                          every row once per grain. Rows without `at` (a naive UTC instant) come out in grain all only.
                          `grains` restricts them. In a CTE: `timed as ({{ periods('items', 'opened_at') }})`.

    event_kinds()         [kind, staging model, record key, event time] of every kind that puts rows into periods
    later_times(kind)     what else such a record tells of having happened; none of them is a plan

    Grain all has a null period_start and period_end. Weeks start on Monday.
#}
{% macro known_at() -%} (select max(loaded_at) from {{ source("lake", "_sources") }}) {%- endmacro %}

{% macro local_date(ts) -%} cast({{ to_local(ts, "'" ~ var("reporting_tz") ~ "'") }} as date) {%- endmacro %}

{% macro period_grains() %} {{ return(["day", "week", "month", "quarter", "year", "all"]) }} {% endmacro %}

{% macro period_start_of(grain, day) -%}
    case
        {{ grain }}
        when 'day'
        then {{ day }}
        when 'week'
        then cast(date_trunc('week', {{ day }}) as date)
        when 'month'
        then cast(date_trunc('month', {{ day }}) as date)
        when 'quarter'
        then cast(date_trunc('quarter', {{ day }}) as date)
        when 'year'
        then cast(date_trunc('year', {{ day }}) as date)
    end
{%- endmacro %}

{% macro period_end_of(grain, day) -%}
    case
        {{ grain }}
        when 'day'
        then {{ add_days(day, 1) }}
        when 'week'
        then {{ add_days("cast(date_trunc('week', " ~ day ~ ") as date)", 7) }}
        when 'month'
        then {{ add_months("cast(date_trunc('month', " ~ day ~ ") as date)", 1) }}
        when 'quarter'
        then {{ add_months("cast(date_trunc('quarter', " ~ day ~ ") as date)", 3) }}
        when 'year'
        then {{ add_months("cast(date_trunc('year', " ~ day ~ ") as date)", 12) }}
    end
{%- endmacro %}

{% macro periods(relation, at, grains=none) -%}
    select
        dated.*,
        grains.period_grain,
        {{ period_start_of("grains.period_grain", "dated.local_day") }} as period_start,
        {{ period_end_of("grains.period_grain", "dated.local_day") }} as period_end
    from (select item.*, {{ local_date("item." ~ at) }} as local_day from {{ relation }} as item) as dated
    inner join
        (
            {% for grain in grains or period_grains() %}
                select '{{ grain }}' as period_grain
                {% if not loop.last %}
                    union all
                {% endif %}
            {% endfor %}
        ) as grains
        on dated.local_day is not null
        or grains.period_grain = 'all'
{%- endmacro %}

{% macro event_kinds() %}
    {{
        return(
            [
                ["survey_invitation", "stg_survey_invitations", "invitation_key", "sent_at"],
                ["survey_answer", "stg_survey_answers", "answer_key", "answered_at"],
                ["case", "stg_cases", "case_key", "opened_at"],
                ["case_event", "stg_case_events", "event_key", "occurred_at"],
                ["call", "stg_calls", "call_key", "offered_at"],
                ["review", "stg_reviews", "review_key", "posted_at"],
                ["mention", "stg_mentions", "mention_key", "posted_at"],
                ["note", "stg_notes", "note_key", "noted_at"],
                ["order", "stg_orders", "order_key", "ordered_at"],
                ["usage", "stg_usage", "usage_key", "used_on"],
            ]
        )
    }}
{% endmacro %}

{% macro later_times(kind) %}
    {% set told = {
        "survey_invitation": ["delivered_at", "bounced_at", "opened_at", "started_at", "completed_at"],
        "case": ["acknowledged_at", "first_replied_at", "resolved_at", "closed_at"],
        "call": ["answered_at", "ended_at"],
        "review": ["edited_at", "replied_at"],
        "mention": ["replied_at"],
    } %}
    {{ return(told.get(kind, []) + ["updated_at"]) }}
{% endmacro %}
