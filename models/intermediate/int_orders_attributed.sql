{{ config(materialized="view") }}

with

orders as (

    select * from {{ ref("stg_orders") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

-- An order may be older than its customer's account: until that exists, it is a guest's.
int_orders_attributed as (

    select
        orders.order_id,
        customers.customer_id,
        orders.ordered_at,
        orders.fx_rate,
        orders.order_discount_amount,
        orders.shipping_revenue,
        orders.shipping_cost,
        orders.payment_fee,
        orders.status
    from orders
    left join customers on orders.customer_id = customers.customer_id

)

select * from int_orders_attributed
