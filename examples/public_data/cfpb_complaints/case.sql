-- One row per complaint, as the extract left it: closed, without the day it was closed. "Timely response?" = No (108)
-- and "Untimely response" (18) are two facts: a late answer, and no answer in time at all.
select
    _record,
    "Complaint ID" as case_id,
    parse_time("Date received", '%m/%d/%y', 'America/New_York') as opened_at,
    'customer' as opened_by,
    case "Submitted via" when 'Web' then 'web' else nullif(nullif("Submitted via", 'None'), 'N/A') end as channel,
    'complaint' as case_type,
    nullif(nullif("Issue", 'None'), 'N/A') as category,
    nullif(nullif("Sub-issue", 'None'), 'N/A') as subcategory,
    nullif(nullif("Sub-product", 'None'), 'N/A') as product_id,
    nullif(nullif("State", 'None'), 'N/A') as region,
    'closed' as status,
    case
        "Company response to consumer"
        when 'Closed with explanation'
        then 'explained'
        when 'Closed with monetary relief'
        then 'relief'
        when 'Closed with non-monetary relief'
        then 'relief'
        when 'Untimely response'
        then 'untimely'
        else nullif(nullif("Company response to consumer", 'None'), 'N/A')
    end as close_reason,
    true as calls_for_handling,
    'en' as language,
    case
        "Timely response?"
        when 'Yes'
        then 'true'
        when 'No'
        then 'false'
        else nullif(nullif("Timely response?", 'None'), 'N/A')
    end as is_timely,
    nullif(nullif("Consumer complaint narrative", 'None'), 'N/A') as text
from complaints
