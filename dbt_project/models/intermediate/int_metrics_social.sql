-- One row per metric, variant, period and breakdown cell: mentions (a count) and mention_replied_share.
-- A reply older than its post leaves the share and is counted in kpi_data_quality.
with
    mentions as (
        select
            mention.mention_key as record_key,
            mention.subject_key,
            mention.counted_key,
            mention.source,
            mention.channel,
            mention.product_id as product,
            mention.language,
            mention.posted_at as anchor_at,
            mention.reach,
            mention.reaction_count,
            mention.replied_at,
            sources.observed_until,
            case
                when {{ minutes_between("mention.posted_at", "mention.replied_at") }} between 0 and 24 * 60
                then 1
                else 0
            end as replied_in_time
        from {{ ref("fct_mentions") }} as mention
        inner join {{ ref("int_sources") }} as sources on mention.source = sources.source
    ),

    items as (
        select mentions.*, 'mentions' as metric_id, 'count' as variant
        from mentions
        union all
        select mentions.*, 'mention_replied_share' as metric_id, 'within_24_h' as variant
        from mentions
        where
            {{ minutes_between("anchor_at", "observed_until") }} >= 24 * 60
            and (replied_at is null or replied_at >= anchor_at)
    ),

    cells as (
        {{
            metric_cells(
                "items",
                mention_breakdowns(),
                {
                    "n": "count(*)",
                    "n_replied": "sum(replied_in_time)",
                    "total_reach": "sum(reach)",
                    "n_with_reach": "count(reach)",
                    "total_reactions": "sum(reaction_count)",
                    "n_ever_replied": "count(replied_at)",
                },
            )
        }}
    )

    {% set parts = {
        "total_reach": "total_reach",
        "n_with_reach": "n_with_reach",
        "total_reactions": "total_reactions",
        "n_ever_replied": "n_ever_replied",
    } %}
select
    {{
        metric_row(
            {
                "n_eligible": "n",
                "n_answered": "n",
                "numerator": "n",
                "value": "n",
            },
            parts=parts,
        )
    }}
from cells
where metric_id = 'mentions'
union all
select {{ share_row("n_replied", "n", parts=parts) }}
from cells
where metric_id = 'mention_replied_share'
