with

orders as (

    select * from {{ ref("int_orders_attributed") }}

),

order_lines as (

    select * from {{ ref("stg_order_lines") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

amounts as (

    select
        order_lines.order_line_id,
        order_lines.order_id,
        orders.customer_id,
        order_lines.product_id,
        orders.ordered_at,
        order_lines.quantity,
        orders.fx_rate,
        orders.order_discount_amount,
        products.unit_cost as product_unit_cost,
        {{ money(money("order_lines.quantity * order_lines.unit_price") ~ " * orders.fx_rate") }}
            as gross_revenue,
        {{ money("coalesce(order_lines.line_discount_amount, 0) * orders.fx_rate") }}
            as given_discount_amount,
        {{ money("order_lines.unit_cost * orders.fx_rate") }} as line_unit_cost
    from order_lines
    inner join orders on order_lines.order_id = orders.order_id
    left join products on order_lines.product_id = products.product_id
    where orders.status <> 'cancelled'

),

-- A discount larger than its line is worth the line: nobody is paid for buying.
converted as (

    select
        *,
        least(given_discount_amount, gross_revenue) as line_discount_amount
    from amounts

),

discounted_lines as (

    select
        order_line_id,
        order_id,
        {{ money("order_discount_amount * fx_rate") }} as order_discount_amount,
        gross_revenue - line_discount_amount as line_value
    from converted
    where order_discount_amount > 0

),

running_values as (

    select
        order_line_id,
        order_discount_amount,
        line_value,
        sum(line_value) over (partition by order_id) as order_value,
        sum(line_value) over (
            partition by order_id
            order by order_line_id
            rows between unbounded preceding and current row
        ) as value_up_to_line
    from discounted_lines

),

-- Each line takes the rounded share up to itself less the rounded share up to its predecessor,
-- so that the shares of an order add up to its discount to the last digit.
discount_shares as (

    select
        order_line_id,
        {{ money_of_double(
            "least(order_discount_amount, order_value) * " ~ ratio("value_up_to_line", "order_value")
        ) }} - {{ money_of_double(
            "least(order_discount_amount, order_value) * "
            ~ ratio("(value_up_to_line - line_value)", "order_value")
        ) }} as order_discount_share
    from running_values
    where order_value > 0

),

revenue as (

    select
        converted.*,
        coalesce(discount_shares.order_discount_share, 0) as order_discount_share,
        converted.gross_revenue
        - converted.line_discount_amount
        - coalesce(discount_shares.order_discount_share, 0) as net_revenue
    from converted
    left join discount_shares on converted.order_line_id = discount_shares.order_line_id

),

costs as (

    select
        *,
        coalesce(line_unit_cost, product_unit_cost) is null as is_cost_estimated,
        coalesce(
            {{ money("quantity * coalesce(line_unit_cost, product_unit_cost)") }},
            {{ money("gross_revenue * " ~ parameter("default_cost_rate")) }}
        ) as cost_of_goods
    from revenue

),

int_order_lines_costed as (

    select
        order_line_id,
        order_id,
        customer_id,
        product_id,
        ordered_at,
        quantity,
        is_cost_estimated,
        gross_revenue,
        line_discount_amount,
        order_discount_share,
        {{ money("net_revenue") }} as net_revenue,
        cost_of_goods,
        {{ money("net_revenue - cost_of_goods") }} as cm1
    from costs

)

select * from int_order_lines_costed
