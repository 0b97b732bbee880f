with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

inactive_vips as (

    select
        {{ as_of_date() }} as as_of_date,
        tiers.customer_id,
        tiers.tier,
        tiers.tier_rank,
        tiers.tier_since,
        customers.recency_days,
        customers.cm3_12m,
        tiers.projected_demotion_on
    from tiers
    inner join customers on tiers.customer_id = customers.customer_id
    where
        tiers.tier_rank > 0
        and not customers.is_test
        and customers.recency_days >= {{ parameter("inactive_vip_days") }}

)

select * from inactive_vips
