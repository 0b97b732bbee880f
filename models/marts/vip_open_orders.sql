with

orders as (

    select * from {{ ref("int_orders_attributed") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

vip_open_orders as (

    select
        {{ as_of_date() }} as as_of_date,
        orders.order_id,
        tiers.customer_id,
        tiers.tier,
        tiers.tier_rank,
        orders.ordered_at,
        orders.status,
        coalesce(promises.is_shipped_first, false) as is_shipped_first
    from orders
    inner join tiers on orders.customer_id = tiers.customer_id
    left join promises on tiers.tier = promises.tier
    where
        tiers.tier_rank > 0
        and orders.status in ('placed', 'paid')

)

select * from vip_open_orders
