-- One row per metric, variant, period and breakdown cell: response_rate. Of delivered invitations at least 14 days
-- old at the end of observation, the share completed.
with
    items as (
        select
            'response_rate' as metric_id,
            'completed_of_delivered' as variant,
            invitation.invitation_key as record_key,
            invitation.subject_key,
            invitation.counted_key,
            invitation.source,
            invitation.channel,
            invitation.store_id as store,
            person.region,
            invitation.touchpoint,
            person.segment,
            invitation.survey_id as survey,
            invitation.sent_at as anchor_at,
            case
                when
                    invitation.bounced_at is null
                    and coalesce(
                        invitation.delivered_at, invitation.opened_at, invitation.started_at, invitation.completed_at
                    )
                    is not null
                then 1
                else 0
            end as delivered,
            case when invitation.bounced_at is not null then 1 else 0 end as bounced,
            case when invitation.completed_at is not null then 1 else 0 end as completed,
            case
                when invitation.started_at is not null or invitation.completed_at is not null then 1 else 0
            end as started,
            case when invitation.incentive_type is not null then 1 else 0 end as incentivised
        from {{ ref("fct_survey_invitations") }} as invitation
        inner join
            {{ ref("int_sources") }} as sources on invitation.source = sources.source
            {{ join_customer("person", "invitation.subject_key", "invitation.sent_at") }}
        where {{ minutes_between("invitation.sent_at", "sources.observed_until") }} >= 14 * 24 * 60
    ),

    cells as (
        {{
            metric_cells(
                "items",
                invitation_breakdowns(),
                {
                    "n_sent": "count(*)",
                    "n_delivered": "sum(delivered)",
                    "n_bounced": "sum(bounced)",
                    "n_started": "sum(started)",
                    "n_completed": "sum(completed * delivered)",
                    "n_incentivised": "sum(incentivised)",
                    "n_incentivised_delivered": "sum(incentivised * delivered)",
                    "n_incentivised_completed": "sum(incentivised * completed * delivered)",
                },
            )
        }}
    )

select
    {{
        share_row(
            "n_completed",
            "n_delivered",
            eligible="n_sent",
            parts={
                "n_sent": "n_sent",
                "n_delivered": "n_delivered",
                "n_bounced": "n_bounced",
                "n_started": "n_started",
                "n_completed": "n_completed",
                "n_incentivised": "n_incentivised",
                "n_incentivised_delivered": "n_incentivised_delivered",
                "n_incentivised_completed": "n_incentivised_completed",
            },
        )
    }}
from cells
