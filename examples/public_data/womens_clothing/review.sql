-- One row per review; 845 have a rating and no text.
select
    _record,
    _file || ':' || _row as review_id,
    "Rating" as rating,
    5 as rating_max,
    case "Recommended IND" when '1' then 'true' when '0' then 'false' else "Recommended IND" end as is_recommended,
    "Positive Feedback Count" as helpful_count,
    "Title" as title,
    "Review Text" as text,
    'web' as channel,
    'en' as language,
    "Clothing ID" as product_id
from reviews
