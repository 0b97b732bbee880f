-- Failure means an order's discount was not spread over its lines to the last digit. A discount
-- larger than its order is worth the order: nobody is paid for buying.
with

lines as (

    select
        order_id,
        sum(gross_revenue - line_discount_amount) as order_value,
        sum(order_discount_share) as spread_discount
    from {{ ref("int_order_lines_costed") }}
    group by order_id

),

orders as (

    select
        order_id,
        {{ in_reporting_currency("coalesce(order_discount_amount, 0)") }} as order_discount_amount
    from {{ ref("stg_orders") }}

)

select
    lines.order_id,
    least(orders.order_discount_amount, greatest(lines.order_value, 0)) as expected,
    lines.spread_discount as observed
from lines
inner join orders on lines.order_id = orders.order_id
where
    lines.spread_discount
    <> least(orders.order_discount_amount, greatest(lines.order_value, 0))
