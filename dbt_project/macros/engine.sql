{#
    What engines spell differently, one dispatched macro each (those of business time: business_time.sql).

    type_double()                     an eight-byte float
    to_local(ts, tz)                  a naive UTC instant as the wall clock of an IANA zone (naive)
    array_has(array, value)           whether an array holds a value (false for a null array)
    add_days(date, n)                 a date n days later, a date
    add_months(date, n)               a date n months later, a date
    days_between(a, b)                (b - a) in days, for dates
    quantile_of(expression, q)        the q-quantile of a group, interpolated
    unnest_strings(relation, column)  select relation.*, each element of an array column as `element`
    day_series(first, last)           one row per date_day from first to last, both included (scalar expressions)
#}
{% macro type_double() %} {{ return(adapter.dispatch("type_double", "voicehouse")()) }} {% endmacro %}
{% macro default__type_double() %} {{ return("double precision") }}{% endmacro %}
{% macro spark__type_double() %} {{ return("double") }}{% endmacro %}

{% macro to_local(ts, tz) %} {{ return(adapter.dispatch("to_local", "voicehouse")(ts, tz)) }} {% endmacro %}
{% macro default__to_local(ts, tz) -%} ((({{ ts }}) at time zone 'UTC') at time zone {{ tz }}) {%- endmacro %}
{% macro spark__to_local(ts, tz) -%} from_utc_timestamp({{ ts }}, {{ tz }}) {%- endmacro %}

{% macro array_has(array, value) %}
    {{ return(adapter.dispatch("array_has", "voicehouse")(array, value)) }}
{% endmacro %}
{% macro default__array_has(array, value) -%} coalesce({{ value }} = any({{ array }}), false) {%- endmacro %}
{% macro duckdb__array_has(array, value) -%} coalesce(list_contains({{ array }}, {{ value }}), false) {%- endmacro %}
{% macro spark__array_has(array, value) -%} coalesce(array_contains({{ array }}, {{ value }}), false) {%- endmacro %}

{% macro add_days(date, n) %} {{ return(adapter.dispatch("add_days", "voicehouse")(date, n)) }} {% endmacro %}
{% macro default__add_days(date, n) -%} (({{ date }}) + cast({{ n }} as integer)) {%- endmacro %}
{% macro spark__add_days(date, n) -%} date_add({{ date }}, cast({{ n }} as int)) {%- endmacro %}

{% macro add_months(date, n) %} {{ return(adapter.dispatch("add_months", "voicehouse")(date, n)) }} {% endmacro %}
{% macro default__add_months(date, n) -%}
    cast(({{ date }}) + cast({{ n }} as integer) * interval '1 month' as date)
{%- endmacro %}
{% macro spark__add_months(date, n) -%} add_months({{ date }}, cast({{ n }} as int)) {%- endmacro %}

{% macro days_between(a, b) %} {{ return(adapter.dispatch("days_between", "voicehouse")(a, b)) }} {% endmacro %}
{% macro default__days_between(a, b) -%} (cast({{ b }} as date) - cast({{ a }} as date)) {%- endmacro %}
{% macro spark__days_between(a, b) -%} datediff({{ b }}, {{ a }}) {%- endmacro %}

{% macro quantile_of(expression, q) %}
    {{ return(adapter.dispatch("quantile_of", "voicehouse")(expression, q)) }}
{% endmacro %}
{% macro default__quantile_of(expression, q) -%}
    percentile_cont({{ q }}) within group (order by {{ expression }})
{%- endmacro %}
{% macro duckdb__quantile_of(expression, q) -%} quantile_cont({{ expression }}, {{ q }}) {%- endmacro %}
{% macro spark__quantile_of(expression, q) -%} percentile({{ expression }}, {{ q }}) {%- endmacro %}

{% macro unnest_strings(relation, column) %}
    {{ return(adapter.dispatch("unnest_strings", "voicehouse")(relation, column)) }}
{% endmacro %}
{% macro default__unnest_strings(relation, column) -%}
    select r.*, u.element from {{ relation }} as r cross join lateral unnest(r.{{ column }}) as u(element)
{%- endmacro %}
{% macro spark__unnest_strings(relation, column) -%}
    select r.*, u.element from {{ relation }} as r lateral view explode(r.{{ column }}) u as element
{%- endmacro %}

{% macro day_series(first, last) %}
    {{ return(adapter.dispatch("day_series", "voicehouse")(first, last)) }}
{% endmacro %}
{% macro default__day_series(first, last) -%}
    select cast(s.day as date) as date_day
    from generate_series(cast({{ first }} as timestamp), cast({{ last }} as timestamp), interval '1 day') as s(day)
{%- endmacro %}
{% macro spark__day_series(first, last) -%}
    select explode(sequence(cast({{ first }} as date), cast({{ last }} as date))) as date_day
{%- endmacro %}

{# A number as a source would write it: 11, not 11.0. #}
{% macro number_as_text(number) -%}
    case
        when {{ number }} = floor({{ number }})
        then cast(cast({{ number }} as {{ dbt.type_bigint() }}) as {{ dbt.type_string() }})
        else cast({{ number }} as {{ dbt.type_string() }})
    end
{%- endmacro %}

{# The earlier of two instants, the one that is there where the other is null (of which engines make one or the other). #}
{% macro earlier_of(a, b) -%} coalesce(least({{ a }}, {{ b }}), {{ a }}, {{ b }}) {%- endmacro %}
