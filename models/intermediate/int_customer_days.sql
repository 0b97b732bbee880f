with

orders as (

    select * from {{ ref("int_orders_costed") }}

),

returns as (

    select * from {{ ref("int_returns_costed") }}

),

movements as (

    select
        customer_id,
        cast(ordered_at as date) as activity_date,
        1 as orders,
        gross_revenue,
        net_revenue as order_revenue,
        {{ money("0") }} as refund_amount
    from orders
    where customer_id is not null

    union all

    select
        customer_id,
        cast(returned_at as date) as activity_date,
        0 as orders,
        {{ money("0") }} as gross_revenue,
        {{ money("0") }} as order_revenue,
        refund_amount
    from returns
    where customer_id is not null

),

int_customer_days as (

    select
        customer_id,
        activity_date,
        sum(orders) as orders,
        {{ money("sum(gross_revenue)") }} as gross_revenue,
        {{ money("sum(order_revenue)") }} as order_revenue,
        {{ money("sum(refund_amount)") }} as refund_amount
    from movements
    group by customer_id, activity_date

)

select * from int_customer_days
