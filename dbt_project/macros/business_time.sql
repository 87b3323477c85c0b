{# Business time: minutes of a calendar between two instants, by running totals.
   minutes(a, b) = cum(b) - cum(a), where cum is read off the last interval that starts at or before the instant.
   Keep out: what is timed with it. #}
{# Minutes from one instant to another, fractions kept. #}
{% macro minutes_between(from_at, to_at) -%}
    {{ adapter.dispatch("minutes_between", "voicehouse")(from_at, to_at) }}
{%- endmacro %}

{% macro default__minutes_between(from_at, to_at) -%}
    (extract(epoch from (({{ to_at }}) - ({{ from_at }}))) / 60.0)
{%- endmacro %}

{% macro duckdb__minutes_between(from_at, to_at) -%}
    ((epoch_us({{ to_at }}) - epoch_us({{ from_at }})) / 60000000.0)
{%- endmacro %}

{% macro spark__minutes_between(from_at, to_at) -%}
    ((unix_micros({{ to_at }}) - unix_micros({{ from_at }})) / 60000000.0)
{%- endmacro %}

{# UTC of a local wall-clock time; a time that the zone skips moves forward. #}
{% macro to_utc(local_at, zone) -%} {{ adapter.dispatch("to_utc", "voicehouse")(local_at, zone) }} {%- endmacro %}

{% macro default__to_utc(local_at, zone) -%}
    ((({{ local_at }}) at time zone {{ zone }}) at time zone 'UTC')
{%- endmacro %}

{% macro spark__to_utc(local_at, zone) -%} to_utc_timestamp({{ local_at }}, {{ zone }}) {%- endmacro %}

{# An instant so many minutes later, to the second. #}
{% macro add_minutes(at, minutes) -%} {{ adapter.dispatch("add_minutes", "voicehouse")(at, minutes) }} {%- endmacro %}

{% macro default__add_minutes(at, minutes) -%}
    ({{ at }} + round(cast(({{ minutes }}) * 60 as numeric)) * interval '1 second')
{%- endmacro %}

{% macro duckdb__add_minutes(at, minutes) -%}
    ({{ at }} + to_microseconds(cast(round(({{ minutes }}) * 60) as bigint) * 1000000))
{%- endmacro %}

{% macro spark__add_minutes(at, minutes) -%}
    timestamp_micros(unix_micros({{ at }}) + cast(round(({{ minutes }}) * 60) as bigint) * 1000000)
{%- endmacro %}

{# ISO weekday of a date, Monday 1. #}
{% macro iso_weekday(day) -%} {{ adapter.dispatch("iso_weekday", "voicehouse")(day) }} {%- endmacro %}

{% macro default__iso_weekday(day) -%} cast(extract(isodow from {{ day }}) as bigint) {%- endmacro %}

{% macro spark__iso_weekday(day) -%} cast(extract(dayofweek_iso from {{ day }}) as bigint) {%- endmacro %}

{# Consecutive days, column `day`, both ends in, for every row of a relation; the arguments name its columns. #}
{% macro days_of(relation, from_day, to_day, kept=[]) -%}
    {{ adapter.dispatch("days_of", "voicehouse")(relation, from_day, to_day, kept) }}
{%- endmacro %}

{% macro default__days_of(relation, from_day, to_day, kept) -%}
    select
        {% for column in kept %} {{ column }}, {% endfor %}
        cast(generate_series({{ from_day }}, {{ to_day }}, interval '1 day') as date) as day
    from {{ relation }}
{%- endmacro %}

{% macro duckdb__days_of(relation, from_day, to_day, kept) -%}
    select
        {% for column in kept %} {{ column }}, {% endfor %}
        cast(unnest(generate_series({{ from_day }}, {{ to_day }}, interval 1 day)) as date) as day
    from {{ relation }}
{%- endmacro %}

{% macro spark__days_of(relation, from_day, to_day, kept) -%}
    select
        {% for column in kept %} {{ column }}, {% endfor %}
        explode(sequence({{ from_day }}, {{ to_day }}, interval 1 day)) as day
    from {{ relation }}
    where {{ from_day }} <= {{ to_day }}
{%- endmacro %}

{# Joins, as `alias`, the last business interval of a calendar that starts at or before an instant. #}
{% macro join_interval(alias, calendar, instant) -%}
    {{ adapter.dispatch("join_interval", "voicehouse")(alias, calendar, instant) }}
{%- endmacro %}

{% macro default__join_interval(alias, calendar, instant) -%}
    left join
        {{ ref("int_calendar_intervals") }} as {{ alias }}
        on {{ alias }}.calendar_id = {{ calendar }}
        and {{ alias }}.starts_at <= {{ instant }}
        and {{ instant }} < {{ alias }}.next_starts_at
{%- endmacro %}

{% macro duckdb__join_interval(alias, calendar, instant) -%}
    asof left join
        {{ ref("int_calendar_intervals") }} as {{ alias }}
        on {{ alias }}.calendar_id = {{ calendar }}
        and {{ alias }}.starts_at <= {{ instant }}
{%- endmacro %}

{# Joins, as `alias`, the interval in which a calendar's running total first reaches so many minutes. #}
{% macro join_interval_by_total(alias, calendar, minutes) -%}
    {{ adapter.dispatch("join_interval_by_total", "voicehouse")(alias, calendar, minutes) }}
{%- endmacro %}

{% macro default__join_interval_by_total(alias, calendar, minutes) -%}
    left join
        {{ ref("int_calendar_intervals") }} as {{ alias }}
        on {{ alias }}.calendar_id = {{ calendar }}
        and {{ alias }}.minutes_before < {{ minutes }}
        and {{ minutes }} <= {{ alias }}.minutes_before + {{ alias }}.minutes
{%- endmacro %}

{% macro duckdb__join_interval_by_total(alias, calendar, minutes) -%}
    asof left join
        {{ ref("int_calendar_intervals") }} as {{ alias }}
        on {{ alias }}.calendar_id = {{ calendar }}
        and {{ alias }}.minutes_before < {{ minutes }}
{%- endmacro %}

{# The running total of minutes at an instant, off the interval joined as `alias`; null where either is unknown.
   LEAST and GREATEST would skip the null of an instant that has not come. #}
{% macro total_at(alias, calendar, instant) -%}
    case
        when {{ calendar }} is null or {{ instant }} is null
        then null
        when {{ alias }}.starts_at is null
        then 0
        when {{ instant }} >= {{ alias }}.ends_at
        then {{ alias }}.minutes_before + {{ alias }}.minutes
        else {{ alias }}.minutes_before + {{ minutes_between(alias ~ ".starts_at", instant) }}
    end
{%- endmacro %}

{# The calendar that never closes: wall-clock time by the same arithmetic. #}
{% macro around_the_clock() -%} around the clock {%- endmacro %}
