-- One row per action and piece of feedback that it answers.
select distinct source, action_key, element as feedback_key  -- a source may name the same feedback twice in one list
from ({{ unnest_strings(ref("stg_actions"), "feedback_keys") }}) as answered
where is_current
