select
    _record,
    account_no || ':' || day || ':' || feature as usage_id,
    account_ref('web_shop', account_no) as person_account_id,
    day as used_on,
    feature,
    uses as use_count
from usage
