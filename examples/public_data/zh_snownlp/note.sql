-- One row per line; lines with the same sentence share their key, so repeats are counted as duplicates. A sentence
-- that stands in both files says nothing about sentiment: its category is 'contradictory'.
with
    lines as (
        select _record, trim(line) as sentence, 'negative' as sentiment
        from negative

        union all

        select _record, trim(line) as sentence, 'positive' as sentiment
        from positive
    )
select
    _record,
    md5(sentence) as note_id,
    'other' as method,
    'customer' as party,
    case
        when min(sentiment) over (partition by sentence) = max(sentiment) over (partition by sentence)
        then sentiment
        else 'contradictory'
    end as category,
    'web' as channel,
    'zh' as language,
    sentence as text
from lines
where sentence <> ''
