-- Failure means money was lost or made between the raw lines and the marts: every line of an
-- order that was not cancelled must stand in int_orders_costed once, to the last digit.
with

raw_amounts as (

    select
        {{ times_quantity("order_lines.unit_price", "order_lines.quantity") }} as gross_amount,
        orders.fx_rate
    from {{ ref("stg_order_lines") }} as order_lines
    inner join {{ ref("stg_orders") }} as orders on order_lines.order_id = orders.order_id
    where orders.status <> 'cancelled'

),

raw_lines as (

    select
        count(*) as line_count,
        sum({{ in_reporting_currency("gross_amount") }}) as gross_revenue
    from raw_amounts

),

costed_orders as (

    select
        sum(line_count) as line_count,
        sum(gross_revenue) as gross_revenue
    from {{ ref("int_orders_costed") }}

)

select
    raw_lines.line_count as expected_lines,
    costed_orders.line_count as observed_lines,
    raw_lines.gross_revenue as expected,
    costed_orders.gross_revenue as observed
from raw_lines
cross join costed_orders
where
    raw_lines.line_count <> coalesce(costed_orders.line_count, 0)
    or coalesce(raw_lines.gross_revenue, 0) <> coalesce(costed_orders.gross_revenue, 0)
