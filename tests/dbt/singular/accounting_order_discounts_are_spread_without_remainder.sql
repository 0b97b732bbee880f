-- Failure means an order's discount was not spread over its lines to the last digit, or a line of
-- an order without one bears a share. A discount larger than its order is worth the order: nobody
-- is paid for buying.
with

discounted_orders as (

    select
        order_id,
        {{ in_reporting_currency("order_discount_amount") }} as order_discount_amount
    from {{ ref("stg_orders") }}
    where order_discount_amount <> 0

),

orders as (

    select
        order_lines.order_id,
        max(coalesce(discounted_orders.order_discount_amount, 0)) as order_discount_amount,
        sum(order_lines.gross_revenue - order_lines.line_discount_amount) as order_value,
        sum(order_lines.order_discount_share) as spread_discount
    from {{ ref("int_order_lines_costed") }} as order_lines
    left join discounted_orders on order_lines.order_id = discounted_orders.order_id
    where
        discounted_orders.order_id is not null
        or order_lines.order_discount_share <> 0
    group by order_lines.order_id

)

select
    order_id,
    least(order_discount_amount, greatest(order_value, 0)) as expected,
    spread_discount as observed
from orders
where spread_discount <> least(order_discount_amount, greatest(order_value, 0))
