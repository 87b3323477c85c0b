-- One row per metric, variant, period and breakdown cell: SLA attainment and the source's own flags, with the instances
-- met, breached, still active and cancelled.
{{
    wide_mart(
        ["sla_attainment", "timely_response"],
        {"int_metrics_sla": counted(["n_met", "n_breached", "n_active", "n_active_breached", "n_cancelled"])},
    )
}}
