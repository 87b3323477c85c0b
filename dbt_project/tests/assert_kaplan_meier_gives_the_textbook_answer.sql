-- Remission of 21 patients under 6-mercaptopurine in weeks (Freireich 1963; Kalbfleisch and Prentice 2002): median
-- 23, its 95 % interval from 13 upwards without end (log-log), a quarter gone by 13, never three quarters; nobody
-- open gives the plain median.
with
    patients as (
        {% for weeks, is_event in [
            (6, 1),
            (6, 1),
            (6, 1),
            (6, 0),
            (7, 1),
            (9, 0),
            (10, 1),
            (10, 0),
            (11, 0),
            (13, 1),
            (16, 1),
            (17, 0),
            (19, 0),
            (20, 0),
            (22, 1),
            (23, 1),
            (25, 0),
            (32, 0),
            (32, 0),
            (34, 0),
            (35, 0),
        ] %}
            select
                'open' as clock,
                '{{ loop.index }}' as record_key,
                {{ weeks }} as duration,
                {{ is_event }} = 1 as is_event
            union all
        {% endfor %}
        {% for weeks in [1, 2, 3, 4] %}
            select 'closed', '{{ loop.index }}', {{ weeks }}, true
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    items as (
        select
            'remission' as metric_id,
            clock,
            record_key,
            cast(null as {{ dbt.type_string() }}) as subject_key,
            cast(null as {{ dbt.type_string() }}) as counted_key,
            cast(null as timestamp) as anchor_at,
            cast(duration as {{ type_double() }}) as duration,
            is_event
        from patients
    ),
    cells as ({{ km_cells("items", [""]) }}),
    found as (
        select
            max(case when clock = 'open' then km_p50 end) as median,
            max(case when clock = 'open' then km_p50_low end) as median_low,
            max(case when clock = 'open' then km_p50_high end) as median_high,
            max(case when clock = 'open' then km_p75 end) as p75,
            max(case when clock = 'open' then n_censored end) as n_censored,
            max(case when clock = 'closed' then km_p50 end) as plain_median,
            max(case when clock = 'closed' then km_p75 end) as plain_p75,
            count(*) as n_cells
        from cells
    )
select *
from found
where
    not coalesce(
        median = 23
        and median_low = 13
        and median_high is null
        and p75 is null
        and n_censored = 12
        and plain_median = 2
        and plain_p75 = 3
        and n_cells = 2,
        false
    )
