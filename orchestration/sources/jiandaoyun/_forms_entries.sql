-- One row per entry of a form, of whatever role.
select
    _record,
    raw ->> 'form_role' as form_role,
    raw ->> 'source' as source,
    raw ->> 'form_id' as form_id,
    raw ->> 'zone' as zone,
    raw ->> '$.row._id' as data_id,
    raw ->> '$.row.createTime' as created_at,
    raw ->> '$.row.updateTime' as updated_at,
    raw -> '$.row.creator' as creator,
    raw -> 'row' as row_json
from entries
