with

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

-- A tier holds when all its rules hold: on one metric that is its highest threshold.
int_tier_thresholds as (

    select
        policy_version,
        tier,
        tier_rank,
        {{ money("max(threshold)") }} as spend_threshold
    from tier_rules
    where metric = 'qualifying_spend' and rule = 'at_least'
    group by policy_version, tier, tier_rank

)

select * from int_tier_thresholds
