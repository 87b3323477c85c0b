select
    _record,
    编号 as training_id,
    工号 as agent_id,
    课程 as course,
    parse_time(时间, '%Y-%m-%d %H:%M:%S', 'Asia/Shanghai') as attended_at,
    课时 as hours,
    成绩 as result
from trainings
