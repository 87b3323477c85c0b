-- One row per variant, period, breakdown cell and, in the triangle of cohorts, month of age: the share retained.
{{ wide_mart(["retention_rate"]) }}
