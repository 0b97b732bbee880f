with

orders as (

    select * from {{ ref("vip_open_orders") }}
    where is_shipped_first

),

sync_expedited_orders as (

    select
        as_of_date,
        cast(row_number() over (
            order by tier_rank desc, ordered_at asc, order_id asc
        ) as bigint) as place,
        order_id,
        customer_id,
        tier,
        tier_rank,
        ordered_at
    from orders

)

select * from sync_expedited_orders
