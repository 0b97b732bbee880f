-- Failure means that customers together earned something else than their orders and returns say.
-- Guests are left out on both sides.
with

orders as (

    select
        sum(net_revenue) as net_revenue,
        sum(cm2) as cm2
    from {{ ref("int_orders_costed") }}
    where customer_id is not null

),

returns as (

    select
        sum(refund_amount) as refund_amount,
        sum(refund_amount + return_cost - restocked_cost) as margin_lost
    from {{ ref("int_returns_costed") }}
    where customer_id is not null

),

customers as (

    select
        sum(net_revenue_lifetime) as net_revenue,
        sum(cm2_lifetime) as cm2
    from {{ ref("customer_value") }}

)

select
    customers.net_revenue as observed_net_revenue,
    coalesce(orders.net_revenue, 0) - coalesce(returns.refund_amount, 0) as expected_net_revenue,
    customers.cm2 as observed_cm2,
    coalesce(orders.cm2, 0) - coalesce(returns.margin_lost, 0) as expected_cm2
from customers
cross join orders
cross join returns
where
    coalesce(customers.net_revenue, 0)
    <> coalesce(orders.net_revenue, 0) - coalesce(returns.refund_amount, 0)
    or coalesce(customers.cm2, 0) <> coalesce(orders.cm2, 0) - coalesce(returns.margin_lost, 0)
