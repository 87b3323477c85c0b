select
    _record,
    line as cost_id,
    programme,
    kind as cost_type,
    left(parse_time(booked, '%d/%m/%Y', 'UTC'), 10) as booked_on,
    hours,
    amount,
    currency
from costs
