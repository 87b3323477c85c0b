-- 56 of 70 against 48 of 80, and 9 of 10 against 3 of 10: the score intervals of their differences as in Newcombe
-- (1998, Statistics in Medicine 17, 873-890, table II, method 10).
with
    shares as (
        {% for k, n, last_k, last_n, low, high in [
            (56, 70, 48, 80, 0.0524, 0.3339),
            (9, 10, 3, 10, 0.1705, 0.8090),
        ] %}
            select
                {{ ratio(k, n) }} as value,
                {{ wilson_low(k, n) }} as ci_low,
                {{ wilson_high(k, n) }} as ci_high,
                {{ ratio(last_k, last_n) }} as last_value,
                {{ wilson_low(last_k, last_n) }} as last_ci_low,
                {{ wilson_high(last_k, last_n) }} as last_ci_high,
                {{ low }} as printed_low,
                {{ high }} as printed_high
            {% if not loop.last %}
                union all
            {% endif %}
        {% endfor %}
    ),
    found as (
        select
            value - last_value - {{ recovered_reach("value", "ci_low", "last_value", "last_ci_high") }} as low,
            value - last_value + {{ recovered_reach("value", "ci_high", "last_value", "last_ci_low") }} as high,
            printed_low,
            printed_high
        from shares
    )
select *
from found
where not coalesce(abs(low - printed_low) < .00005 and abs(high - printed_high) < .00005, false)
