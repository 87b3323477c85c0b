select
    _record,
    raw ->> 'post_id' as mention_id,
    raw ->> 'author' as person_handle,
    parse_epoch_ms(raw ->> 'posted_ms') as posted_at,
    raw ->> 'platform' as channel,
    raw ->> 'views' as reach,
    raw ->> 'likes' as reaction_count,
    parse_epoch_ms(raw ->> 'replied_ms') as replied_at,
    raw ->> 'lang' as language,
    raw ->> 'sku' as product_id,
    raw ->> 'content' as text,
    raw ->> 'reply' as reply_text,
    record_ref('directory', 'agent.id', raw ->> 'replied_by') as agent_id
from posts
