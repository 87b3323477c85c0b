{#
    95 % intervals. Arguments are SQL expressions of one group; results are null where the group is empty.

    wilson_low(k, n), wilson_high(k, n)   a share k / n, as a fraction 0-1 (Wilson 1927)
    proportion_se(k, n)                   its standard error
    all three take, third, an effective n: the share stays k / n, nought and one to the last bit
    nps_se(p, d, n), nps_low(p, d, n), nps_high(p, d, n)
                                          100 (p - d) / n in points: adjusted Wald, n + 3, p + 3/4, d + 3/4
    spread(x)                             an aggregate: the standard deviation of x, nought where all are equal, to the last bit
    mean_se(sd, n)                        sd / sqrt(n)
    t_quantile(df)                        the .975 quantile of Student's t by its expansion in 1 / df, within 1 %
    effective_n(sums, repeated, n, repeats)
                                          n divided by two design effects: of weights, n sum w^2 / (sum w)^2 (Kish 1965),
                                          and of persons who answered several times, at least 1: the variance of the
                                          mean r = sum wy / sum w, linearised, with persons as clusters, against that
                                          with every answer by itself (Rao and Scott 1992)
                                            [C / (C - 1) sum over persons (sum z)^2] / [n / (n - 1) sum over answers z^2]
                                          of z = w (y - r), C persons, n answers. Where answers do not differ, or all are
                                          one person's, persons are taken to agree with themselves entirely: sum over
                                          persons (sum w)^2 / sum over answers w^2. `sums` names y (sum of wy), w (sum of
                                          w) and, of squares, yy (wwyy), wy (wwy) and ww; `repeated` what persons add to
                                          these three: (sum over a person)^2 less its sum of squares. `repeats` is n - C,
                                          null where nobody answered twice.
    recovered_reach(value, bound, last_value, last_bound)
                                          how far the interval of value - last_value reaches to one side, recovered from
                                          the intervals of both: the square root of the sum of squares of what they reach
                                          to, the value on that side, the last one on the other (Zou and Donner 2008,
                                          Statistics in Medicine 27, 1693-1702; of two shares with score intervals,
                                          Newcombe 1998, 17, 873-890). An open bound (null) leaves the side open.
    bounded(expression, low, high)        the expression, held between two bounds; null stays null

    points_interval(p, d, n), share_interval(k, n, n_effective), mean_interval(mean, se, df, low, high)
                                          {se, low, high} of a score in points, a share in percent, a mean on a scale
#}
{% macro z() %} {{ return("1.959963984540054") }}{% endmacro %}

{% macro ratio(numerator, denominator) -%}
    (cast({{ numerator }} as {{ type_double() }}) / nullif({{ denominator }}, 0))
{%- endmacro %}

{% macro wilson_bound(share, n, sign) -%}
    (
        (
            {{ share }}
            + {{ z() }}
            * {{ z() }}
            / (2 * nullif({{ n }}, 0)) {{ sign }} {{ z() }}
            * sqrt(
                greatest({{ share }} * (1 - {{ share }}), 0) / nullif({{ n }}, 0)
                + {{ z() }} * {{ z() }} / (4 * power(nullif({{ n }}, 0), 2))
            )
        )
        / (1 + {{ z() }} * {{ z() }} / nullif({{ n }}, 0))
    )
{%- endmacro %}
{% macro wilson_low(k, n, n_effective=none) -%}
    case when {{ n }} > 0 then greatest({{ wilson_bound(ratio(k, n), n_effective or n, "-") }}, 0) end
{%- endmacro %}
{% macro wilson_high(k, n, n_effective=none) -%}
    case when {{ n }} > 0 then least({{ wilson_bound(ratio(k, n), n_effective or n, "+") }}, 1) end
{%- endmacro %}

{% macro proportion_se(k, n, n_effective=none) -%}
    sqrt(greatest({{ ratio(k, n) }} * (1 - {{ ratio(k, n) }}), 0) / nullif({{ n_effective or n }}, 0))
{%- endmacro %}

{% macro nps_centre(p, d, n) -%}(({{ p }} - {{ d }}) / ({{ n }} + 3.0)) {%- endmacro %}
{% macro nps_se(p, d, n) -%}
    (
        100 * sqrt(
            greatest(({{ p }} + {{ d }} + 1.5) / ({{ n }} + 3.0) - power({{ nps_centre(p, d, n) }}, 2), 0)
            / ({{ n }} + 3.0)
        )
    )
{%- endmacro %}
{% macro nps_low(p, d, n) -%}
    greatest(100 * {{ nps_centre(p, d, n) }} - {{ z() }} * {{ nps_se(p, d, n) }}, -100)
{%- endmacro %}
{% macro nps_high(p, d, n) -%}
    least(100 * {{ nps_centre(p, d, n) }} + {{ z() }} * {{ nps_se(p, d, n) }}, 100)
{%- endmacro %}

{% macro spread(x) -%}
    case when count({{ x }}) > 1 and min({{ x }}) = max({{ x }}) then 0 else stddev_samp({{ x }}) end
{%- endmacro %}

{% macro mean_se(sd, n) -%} ({{ sd }} / sqrt(nullif({{ n }}, 0))) {%- endmacro %}

{% macro t_quantile(df) -%}
    case
        when {{ df }} <= 1
        then 12.706205
        else
            {{ z() }}
            + 2.372271 / nullif({{ df }}, 0)
            + 2.822500 / power(nullif({{ df }}, 0), 2)
            + 2.555850 / power(nullif({{ df }}, 0), 3)
            + 1.589536 / power(nullif({{ df }}, 0), 4)
    end
{%- endmacro %}

{% macro effective_n(sums, repeated, n, repeats) -%}
    {% set persons = "(" ~ n ~ " - " ~ repeats ~ ")" %}
    greatest(
        power({{ sums.w }}, 2)
        / nullif({{ sums.ww }}, 0)
        / case
            when coalesce({{ repeats }}, 0) = 0
            then 1
            when {{ persons }} <= 1 or {{ residual_squares(sums, sums) }} <= 1e-9 * {{ sums.ww }}
            then 1 + {{ ratio(repeated.ww, sums.ww) }}
            else
                greatest(
                    (1 + {{ residual_squares(sums, repeated) }} / {{ residual_squares(sums, sums) }})
                    * {{ ratio(persons, persons ~ " - 1") }}
                    * {{ ratio(n ~ " - 1", n) }},
                    1
                )
        end,
        1
    )
{%- endmacro %}

{# The sum of z^2 of z = w (y - r), multiplied out. #}
{% macro residual_squares(sums, of) -%}
    ({{ of.yy }} - 2 * {{ ratio(sums.y, sums.w) }} * {{ of.wy }} + power({{ ratio(sums.y, sums.w) }}, 2) * {{ of.ww }})
{%- endmacro %}

{% macro recovered_reach(value, bound, last_value, last_bound) -%}
    sqrt(power({{ value }} - {{ bound }}, 2) + power({{ last_bound }} - {{ last_value }}, 2))
{%- endmacro %}

{% macro bounded(expression, low, high) -%}
    case when {{ expression }} is not null then least(greatest({{ expression }}, {{ low }}), {{ high }}) end
{%- endmacro %}

{% macro points_interval(p, d, n) %}
    {{ return({"se": nps_se(p, d, n), "low": nps_low(p, d, n), "high": nps_high(p, d, n)}) }}
{% endmacro %}

{% macro share_interval(k, n, n_effective) %}
    {{
        return(
            {
                "se": "100 * " ~ proportion_se(k, n, n_effective),
                "low": "100 * " ~ wilson_low(k, n, n_effective),
                "high": "100 * " ~ wilson_high(k, n, n_effective),
            }
        )
    }}
{% endmacro %}

{% macro mean_interval(mean, se, df, low, high) %}
    {% set reach = t_quantile(df) ~ " * " ~ se %}
    {{
        return(
            {
                "se": se,
                "low": bounded(mean ~ " - " ~ reach, low, high),
                "high": bounded(mean ~ " + " ~ reach, low, high),
            }
        )
    }}
{% endmacro %}
