with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

tier_benefits as (

    select
        policy_version,
        tier,
        {{ text_list("kind") }} as benefits
    from {{ ref("tier_benefits") }}
    group by policy_version, tier

),

service_levels as (

    select * from {{ ref("service_levels") }}

),

sync_vip_flags as (

    select
        {{ as_of_date() }} as as_of_date,
        tiers.customer_id,
        tiers.tier,
        tiers.tier_rank,
        tiers.tier_since,
        tier_benefits.benefits,
        service_levels.level as service_level,
        service_levels.answer_hours,
        service_levels.authority_amount
    from tiers
    left join tier_benefits
        on
            tiers.policy_version = tier_benefits.policy_version
            and tiers.tier = tier_benefits.tier
    left join service_levels on tiers.tier = service_levels.tier
    where tiers.tier_rank > 0

)

select * from sync_vip_flags
