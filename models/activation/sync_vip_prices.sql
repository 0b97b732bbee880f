with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

sync_vip_prices as (

    select
        {{ as_of_date() }} as as_of_date,
        {{ as_of_date() }} as valid_on,
        tiers.customer_id,
        tiers.tier,
        tiers.tier_rank,
        promises.discount_share,
        promises.price_protection_days
    from tiers
    inner join promises on tiers.tier = promises.tier
    where promises.discount_share > 0

)

select * from sync_vip_prices
