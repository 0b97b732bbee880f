with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

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
        promises.benefits,
        service_levels.level as service_level,
        service_levels.answer_hours,
        service_levels.authority_amount
    from tiers
    left join promises on tiers.tier = promises.tier
    left join service_levels on tiers.tier = service_levels.tier
    where tiers.tier_rank > 0

)

select * from sync_vip_flags
