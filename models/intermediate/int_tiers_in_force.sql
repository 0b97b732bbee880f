with

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

int_tiers_in_force as (

    select distinct
        tier_rules.policy_version,
        tier_rules.tier,
        tier_rules.tier_rank
    from tier_rules
    inner join policy on tier_rules.policy_version = policy.policy_version

)

select * from int_tiers_in_force
