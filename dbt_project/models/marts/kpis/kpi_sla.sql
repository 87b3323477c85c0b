-- One row per metric, variant, period and breakdown cell: SLA attainment and the source's own flags.
{{ wide_mart(["sla_attainment", "timely_response"]) }}
