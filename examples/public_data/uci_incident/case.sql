-- One row per line of the log: the incident at that version. resolved_at and closed_at stand on every line of the raw
-- log, from the future; here only once the state has come to pass and the time is not after the line's own. State
-- '-100' (5 lines) is no status: those versions are rejected.
select
    _record,
    number as case_id,
    nullif(caller_id, '?') as person_account_id,
    parse_time(opened_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo') as opened_at,
    case
        contact_type
        when 'Phone'
        then 'phone'
        when 'Self service'
        then 'web'
        when 'Email'
        then 'email'
        when 'IVR'
        then 'phone'
        when 'Direct opening'
        then 'direct_opening'
        else nullif(contact_type, '?')
    end as channel,
    'incident' as case_type,
    nullif(category, '?') as category,
    nullif(subcategory, '?') as subcategory,
    nullif(location, '?') as region,
    case
        priority
        when '1 - Critical'
        then 'urgent'
        when '2 - High'
        then 'high'
        when '3 - Moderate'
        then 'normal'
        when '4 - Low'
        then 'low'
        else priority
    end as priority,
    case
        incident_state
        when 'New'
        then 'new'
        when 'Active'
        then 'open'
        when 'Awaiting User Info'
        then 'pending'
        when 'Awaiting Problem'
        then 'on_hold'
        when 'Awaiting Vendor'
        then 'on_hold'
        when 'Awaiting Evidence'
        then 'on_hold'
        when 'Resolved'
        then 'resolved'
        when 'Closed'
        then 'closed'
        else incident_state
    end as status,
    nullif(assignment_group, '?') as team,
    nullif(assigned_to, '?') as agent_id,
    case
        when
            incident_state in ('Resolved', 'Closed')
            and try_strptime(resolved_at, '%d/%m/%Y %H:%M') <= try_strptime(sys_updated_at, '%d/%m/%Y %H:%M')
        then parse_time(resolved_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo')
    end as resolved_at,
    case
        when
            incident_state = 'Closed'
            and try_strptime(closed_at, '%d/%m/%Y %H:%M') <= try_strptime(sys_updated_at, '%d/%m/%Y %H:%M')
        then parse_time(closed_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo')
    end as closed_at,
    true as calls_for_handling,
    made_sla as is_sla_met,
    reopen_count,
    reassignment_count,
    sys_mod_count as source_version,
    parse_time(sys_updated_at, '%d/%m/%Y %H:%M', 'America/Sao_Paulo') as updated_at
from events
