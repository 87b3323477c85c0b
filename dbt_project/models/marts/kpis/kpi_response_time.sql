-- One row per metric, variant, period and breakdown cell: time to the first reply.
{{ wide_mart(["first_reply_minutes"]) }}
