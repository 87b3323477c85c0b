-- One row per customer. 11 customers of tenure 0 have a blank total: nothing has been charged yet, and nothing is made
-- up.
select
    _record,
    "customerID" as customer_id,
    "customerID" as person_account_id,
    'person' as customer_type,
    lower(gender) as gender,
    tenure as tenure_months,
    "Contract" as contract,
    "MonthlyCharges" as monthly_amount,
    nullif(trim("TotalCharges"), '') as total_amount,
    'USD' as currency,
    case "Churn" when 'Yes' then 'true' when 'No' then 'false' else "Churn" end as is_churned
from customers
