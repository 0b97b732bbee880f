with

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

orders as (

    select * from {{ ref("int_orders_attributed") }}

),

line_totals as (

    select
        order_id,
        count(*) as line_count,
        sum(gross_revenue) as gross_revenue,
        sum(line_discount_amount) as line_discount_amount,
        sum(order_discount_share) as order_discount_share,
        sum(net_revenue) as net_revenue,
        sum(cost_of_goods) as cost_of_goods,
        sum(cm1) as cm1
    from order_lines
    group by order_id

),

order_costs as (

    select
        order_id,
        customer_id,
        ordered_at,
        {{ in_reporting_currency("coalesce(shipping_revenue, 0)") }} as shipping_revenue,
        {{ in_reporting_currency("coalesce(shipping_cost, 0)") }} as shipping_cost,
        {{ in_reporting_currency("coalesce(payment_fee, 0)") }} as payment_fee
    from orders
    where status <> 'cancelled'

),

int_orders_costed as (

    select
        order_costs.order_id,
        order_costs.customer_id,
        order_costs.ordered_at,
        line_totals.line_count,
        {{ money("line_totals.gross_revenue") }} as gross_revenue,
        {{ money("line_totals.line_discount_amount + line_totals.order_discount_share") }}
            as discount_amount,
        {{ money("line_totals.net_revenue") }} as net_revenue,
        {{ money("line_totals.cost_of_goods") }} as cost_of_goods,
        {{ money("line_totals.cm1") }} as cm1,
        order_costs.shipping_revenue,
        order_costs.shipping_cost,
        order_costs.payment_fee,
        {{ money(
            "line_totals.cm1 + order_costs.shipping_revenue"
            ~ " - order_costs.shipping_cost - order_costs.payment_fee"
        ) }} as cm2
    from order_costs
    inner join line_totals on order_costs.order_id = line_totals.order_id

)

select * from int_orders_costed
