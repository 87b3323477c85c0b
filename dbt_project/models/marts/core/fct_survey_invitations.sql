-- One row per invitation to a survey.
{{ follows("stg_survey_invitations", "invitation_key") }}
select
    -- ids
    invitation_key,
    survey_id,
    store_id,
    response_key,
    -- text
    channel,
    touchpoint,
    incentive_type,
    -- times
    sent_at,
    delivered_at,
    bounced_at,
    opened_at,
    started_at,
    completed_at,
    updated_at,
    -- lineage
    subject_key,
    subject_basis,
    counted_key,
    jurisdiction,
    basis,
    source,
    load_id,
    loaded_at

from {{ ref("stg_survey_invitations") }}
where is_current {{ only_touched() }}
