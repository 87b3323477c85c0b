-- One row per member of staff and stretch of time in which team and role held (SCD2). Restricted.
{{
    scd2(
        "stg_agents",
        "agent_key",
        ["agent_key", "source", "team", "role", "store_id", "hired_on", "left_on"],
    )
}}
