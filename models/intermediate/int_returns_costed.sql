with

returns as (

    select * from {{ ref("stg_returns") }}

),

orders as (

    select * from {{ ref("int_orders_attributed") }}

),

order_lines as (

    select * from {{ ref("stg_order_lines") }}

),

costed_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

return_orders as (

    select
        returns.*,
        coalesce(returns.order_id, order_lines.order_id) as returned_order_id,
        {{ ratio("costed_lines.cost_of_goods", "costed_lines.quantity") }} as unit_cost_of_line
    from returns
    -- Lines of cancelled orders are not costed, and yet lead to the order.
    left join order_lines on returns.order_line_id = order_lines.order_line_id
    left join costed_lines on returns.order_line_id = costed_lines.order_line_id

),

int_returns_costed as (

    select
        return_orders.return_id,
        return_orders.returned_order_id as order_id,
        -- The order knows best who bought; a return that names none speaks for itself.
        case
            when return_orders.returned_order_id is null then customers.customer_id
            else orders.customer_id
        end as customer_id,
        return_orders.product_id,
        return_orders.returned_at,
        return_orders.reason,
        {{ in_reporting_currency("return_orders.refund_amount", "coalesce(orders.fx_rate, 1)") }}
            as refund_amount,
        {{ in_reporting_currency(
            "coalesce(return_orders.return_cost, 0)", "coalesce(orders.fx_rate, 1)"
        ) }}
            as return_cost,
        {{ money_of_double(
            "coalesce(return_orders.quantity * return_orders.unit_cost_of_line, 0) * "
            ~ parameter("restocked_share")
        ) }} as restocked_cost
    from return_orders
    left join orders on return_orders.returned_order_id = orders.order_id
    left join customers on return_orders.customer_id = customers.customer_id
    where coalesce(orders.status, 'completed') <> 'cancelled'

)

select * from int_returns_costed
