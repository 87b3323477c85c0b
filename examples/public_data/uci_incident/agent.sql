-- One row per resolver: the team of the last line that names one.
select
    arg_max(_record, (try_strptime(sys_updated_at, '%d/%m/%Y %H:%M'), _row)) as _record,
    assigned_to as agent_id,
    arg_max(nullif(assignment_group, '?'), (try_strptime(sys_updated_at, '%d/%m/%Y %H:%M'), _row)) as team,
    parse_time(
        arg_max(sys_updated_at, (try_strptime(sys_updated_at, '%d/%m/%Y %H:%M'), _row)),
        '%d/%m/%Y %H:%M',
        'America/Sao_Paulo'
    ) as updated_at
from events
where assigned_to <> '?'
group by assigned_to
