-- One row per metric, variant, period and breakdown cell, of inbound calls: call_abandon_rate, call_service_level,
-- call_answer_seconds, call_handle_seconds. A short abandon gave up within 5 seconds. An answer before the offer is no
-- wait: it is counted in kpi_data_quality.
with
    calls as (
        select
            call.call_key as record_key,
            call.subject_key,
            call.counted_key,
            call.source,
            call.team,
            call.store_id as store,
            call.language,
            call.offered_at as anchor_at,
            'call' as family,
            case when call.answered_at is not null or call.is_abandoned = false then 1 else 0 end as answered,
            case when call.is_abandoned and call.wait_seconds < 5 then 1 else 0 end as abandoned_short,
            case when call.is_abandoned and coalesce(call.wait_seconds, 5) >= 5 then 1 else 0 end as abandoned_late,
            case
                when call.answered_at is not null or call.is_abandoned = false
                then
                    coalesce(
                        call.wait_seconds,
                        case
                            when call.answered_at >= call.offered_at
                            then 60 * {{ minutes_between("call.offered_at", "call.answered_at") }}
                        end
                    )
            end as answer_seconds,
            case
                when call.answered_at is not null or call.is_abandoned = false
                then call.talk_seconds + coalesce(call.hold_seconds, 0) + coalesce(call.wrap_up_seconds, 0)
            end as handle_seconds,
            case when call.transfer_count > 0 then 1 else 0 end as transferred
        from {{ ref("fct_calls") }} as call
        where coalesce(call.direction, 'inbound') = 'inbound'
    ),

    cells as (
        {{
            metric_cells(
                "calls",
                call_breakdowns(),
                {
                    "n_offered": "count(*)",
                    "n_answered_calls": "sum(answered)",
                    "n_abandoned_short": "sum(abandoned_short)",
                    "n_abandoned_late": "sum(abandoned_late)",
                    "n_answered_20_s": "count(case when answer_seconds <= 20 then 1 end)",
                    "n_transferred": "sum(transferred)",
                    "n_timed_answer": "count(answer_seconds)",
                    "n_timed_handle": "count(handle_seconds)",
                    "sum_answer": "sum(answer_seconds)",
                    "sum_handle": "sum(handle_seconds)",
                    "sd_answer": "stddev_samp(answer_seconds)",
                    "sd_handle": "stddev_samp(handle_seconds)",
                    "p90_answer": quantile_of("answer_seconds", 0.9),
                    "p90_handle": quantile_of("handle_seconds", 0.9),
                },
                keys=["family"],
            )
        }}
    )

    {% set parts = {
        "n_offered": "n_offered",
        "n_answered_calls": "n_answered_calls",
        "n_abandoned_short": "n_abandoned_short",
        "n_abandoned_late": "n_abandoned_late",
        "n_answered_20_s": "n_answered_20_s",
        "n_transferred": "n_transferred",
    } %}
select
    {{
        share_row(
            "n_abandoned_late", "n_offered", metric_id="'call_abandon_rate'", variant="'after_5_s'", parts=parts
        )
    }}
from cells
union all
select
    {{
        share_row(
            "n_answered_20_s",
            "(n_offered - n_abandoned_short)",
            metric_id="'call_service_level'",
            variant="'within_20_s'",
            eligible="n_offered",
            parts=parts,
        )
    }}
from cells
{% for timed in ["answer", "handle"] %}
        {% set mean = "sum_" ~ timed ~ " / nullif(n_timed_" ~ timed ~ ", 0)" %}
        {% set error = mean_se("sd_" ~ timed, "n_timed_" ~ timed) %}
    union all
    select
        {{
            metric_row(
                {
                    "metric_id": "'call_" ~ timed ~ "_seconds'",
                    "variant": "'mean'",
                    "n_eligible": "n_offered",
                    "n_answered": "n_timed_" ~ timed,
                    "numerator": "sum_" ~ timed,
                    "denominator": "n_timed_" ~ timed,
                    "value": mean,
                    "standard_error": error,
                    "ci_low": mean ~ " - " ~ t_quantile("(n_timed_" ~ timed ~ " - 1)") ~ " * " ~ error,
                    "ci_high": mean ~ " + " ~ t_quantile("(n_timed_" ~ timed ~ " - 1)") ~ " * " ~ error,
                    "ci_method": "'t'",
                },
                parts=parts,
            )
        }}
    from cells
    union all
    select
        {{
            metric_row(
                {
                    "metric_id": "'call_" ~ timed ~ "_seconds'",
                    "variant": "'p90'",
                    "n_eligible": "n_offered",
                    "n_answered": "n_timed_" ~ timed,
                    "denominator": "n_timed_" ~ timed,
                    "value": "p90_" ~ timed,
                },
                parts=parts,
            )
        }}
    from cells
{% endfor %}
