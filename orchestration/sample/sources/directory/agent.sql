select
    _record,
    工号 as agent_id,
    姓名 as agent_name,
    邮箱 as agent_email,
    团队 as team,
    岗位 as role,
    门店 as store_id,
    left(parse_time(入职日期, '%Y/%m/%d', 'UTC'), 10) as hired_on
from staff
