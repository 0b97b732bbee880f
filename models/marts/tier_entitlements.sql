with

benefits as (

    select * from {{ ref("tier_benefits") }}

),

tiers as (

    select * from {{ ref("int_tiers_in_force") }}

),

promised as (

    select
        tiers.policy_version,
        tiers.tier,
        tiers.tier_rank,
        benefits.benefit_id,
        benefits.kind,
        benefits.amount,
        benefits.unit,
        benefits.unit_cost
    from tiers
    inner join benefits
        on
            tiers.policy_version = benefits.policy_version
            and tiers.tier = benefits.tier

),

kinds as (

    select
        tier_rank,
        kind,
        max(amount) as amount
    from promised
    group by tier_rank, kind

),

tier_entitlements as (

    select
        {{ as_of_date() }} as as_of_date,
        promised.tier,
        promised.tier_rank,
        promised.benefit_id,
        promised.kind,
        promised.amount,
        promised.unit,
        promised.unit_cost,
        below.amount as amount_of_tier_below,
        below.kind is null or promised.amount > below.amount as is_unlocked_here,
        promised.policy_version
    from promised
    left join kinds as below
        on
            promised.tier_rank = below.tier_rank + 1
            and promised.kind = below.kind

)

select * from tier_entitlements
