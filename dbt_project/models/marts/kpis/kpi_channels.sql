-- One row per headline metric, period and channel (or channel and touchpoint, or channel and case type): the same
-- metric side by side, never one pooled score. value_standardised is the channel's value had it the mix of all
-- channels.
select {{ kpi_value_columns() | join(", ") }}
from {{ ref("kpi_values") }}
where is_headline and breakdown in ('channel', 'channel,touchpoint', 'channel,case_type')
