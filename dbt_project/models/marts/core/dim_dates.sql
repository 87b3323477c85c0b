-- One row per day, from the first event of any source to the end of the year after the last load.
with
    span as (
        select
            cast(date_trunc('year', min(first_event_at)) as date) as first_day,
            cast(date_trunc('year', max(last_loaded_at)) as date) as last_year
        from {{ ref("int_sources") }}
    ),

    days as (
        {{
            day_series(
                "(select first_day from span)", "(select " ~ add_days(add_months("last_year", 24), -1) ~ " from span)"
            )
        }}
    )

select
    -- ids
    date_day,
    -- text
    case
        extract(month from date_day)
        {% for name in [
            "一月",
            "二月",
            "三月",
            "四月",
            "五月",
            "六月",
            "七月",
            "八月",
            "九月",
            "十月",
            "十一月",
            "十二月",
        ] %}
            when {{ loop.index }} then '{{ name }}'
        {% endfor %}
    end as month_name_zh,
    case
        extract(month from date_day)
        {% for name in [
            "January",
            "February",
            "March",
            "April",
            "May",
            "June",
            "July",
            "August",
            "September",
            "October",
            "November",
            "December",
        ] %}
            when {{ loop.index }} then '{{ name }}'
        {% endfor %}
    end as month_name_en,
    -- numbers
    cast(extract(year from date_day) as integer) as year_number,
    cast(extract(quarter from date_day) as integer) as quarter_number,
    cast(extract(month from date_day) as integer) as month_number,
    cast(extract(week from date_day) as integer) as iso_week_number,
    cast({{ iso_weekday("date_day") }} as integer) as iso_weekday,
    -- flags
    {{ iso_weekday("date_day") }} >= 6 as is_weekend,
    -- times
    {% for grain in ["week", "month", "quarter", "year"] %}
        {{ period_start_of("'" ~ grain ~ "'", "date_day") }} as {{ grain }}_start {% if not loop.last %},{% endif %}
    {% endfor %}
from days
