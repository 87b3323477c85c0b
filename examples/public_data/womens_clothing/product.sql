-- One row per article. Class and department are the article's own (14 reviews leave them blank); the division
-- (General, General Petite) is the cut of one purchase: 196 articles have several, so it is left out.
select
    min(_record) as _record,
    "Clothing ID" as product_id,
    max("Class Name") as category,
    max("Department Name") as department
from reviews
group by "Clothing ID"
