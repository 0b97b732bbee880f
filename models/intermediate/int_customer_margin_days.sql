with

orders as (

    select * from {{ ref("int_orders_costed") }}

),

returns as (

    select * from {{ ref("int_returns_costed") }}

),

-- A return lowers the margin of the order that came back, from the day of the refund on; one that
-- names no order stands on a day of its own.
movements as (

    select
        customer_id,
        cast(ordered_at as date) as ordered_on,
        cast(ordered_at as date) as booked_on,
        1 as orders,
        cm2 as margin
    from orders
    where customer_id is not null

    union all

    select
        returns.customer_id,
        cast(coalesce(orders.ordered_at, returns.returned_at) as date) as ordered_on,
        cast(returns.returned_at as date) as booked_on,
        0 as orders,
        returns.restocked_cost - returns.refund_amount - returns.return_cost as margin
    from returns
    left join orders on returns.order_id = orders.order_id
    where returns.customer_id is not null

),

int_customer_margin_days as (

    select
        customer_id,
        ordered_on,
        booked_on,
        sum(orders) as orders,
        {{ money("sum(margin)") }} as margin
    from movements
    group by customer_id, ordered_on, booked_on

)

select * from int_customer_margin_days
