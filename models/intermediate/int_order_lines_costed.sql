{%- set carried = [
    "order_line_id", "order_id", "customer_id", "product_id", "ordered_at", "quantity",
    "unit_cost", "gross_revenue", "line_discount_amount",
] %}
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

kept_orders as (

    select
        order_id,
        customer_id,
        ordered_at,
        fx_rate,
        {{ in_reporting_currency("coalesce(order_discount_amount, 0)") }} as order_discount_amount
    from orders
    where status <> 'cancelled'

),

ordered_lines as (

    select
        order_lines.order_line_id,
        order_lines.order_id,
        kept_orders.customer_id,
        order_lines.product_id,
        kept_orders.ordered_at,
        order_lines.quantity,
        kept_orders.fx_rate,
        {{ times_quantity("order_lines.unit_price", "order_lines.quantity") }} as gross_amount,
        coalesce(order_lines.line_discount_amount, 0) as line_discount_amount,
        kept_orders.order_discount_amount,
        {{ in_reporting_currency("order_lines.unit_cost", "kept_orders.fx_rate") }}
            as line_unit_cost,
        products.unit_cost as product_unit_cost
    from order_lines
    inner join kept_orders on order_lines.order_id = kept_orders.order_id
    left join products on order_lines.product_id = products.product_id

),

-- A discount larger than its line is worth the line: nobody is paid for buying.
amounts as (

    select
        order_line_id,
        order_id,
        customer_id,
        product_id,
        ordered_at,
        quantity,
        {{ in_reporting_currency("gross_amount") }} as gross_revenue,
        least(
            {{ in_reporting_currency("line_discount_amount") }},
            {{ in_reporting_currency("gross_amount") }}
        ) as line_discount_amount,
        order_discount_amount,
        coalesce(line_unit_cost, product_unit_cost) as unit_cost
    from ordered_lines

),

discounted_lines as (

    select
        *,
        gross_revenue - line_discount_amount as line_value,
        sum(gross_revenue - line_discount_amount) over (partition by order_id) as order_value,
        sum(gross_revenue - line_discount_amount) over (
            partition by order_id
            order by order_line_id
            rows between unbounded preceding and current row
        ) as value_up_to_line
    from amounts
    where order_discount_amount > 0

),

-- Each line takes the rounded share up to itself less the rounded share up to its predecessor,
-- so that the shares of an order add up to its discount to the last digit.
revenue as (

    select
        {{ carried | join(",\n        ") }},
        case
            when order_value > 0
                then {{ money_of_double(
                    "least(order_discount_amount, order_value) * "
                    ~ ratio("value_up_to_line", "order_value")
                ) }} - {{ money_of_double(
                    "least(order_discount_amount, order_value) * "
                    ~ ratio("(value_up_to_line - line_value)", "order_value")
                ) }}
            else 0
        end as order_discount_share,
        true as is_order_discounted
    from discounted_lines

    union all

    select
        {{ carried | join(",\n        ") }},
        0 as order_discount_share,
        false as is_order_discounted
    from amounts
    where order_discount_amount <= 0

),

costs as (

    select
        *,
        gross_revenue - line_discount_amount - order_discount_share as net_revenue,
        coalesce(
            {{ times_quantity("unit_cost", "quantity") }},
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
        unit_cost is null as is_cost_estimated,
        gross_revenue,
        line_discount_amount,
        {{ money("order_discount_share") }} as order_discount_share,
        case when gross_revenue > 0 then line_discount_amount = 0 and not is_order_discounted end
            as is_full_price,
        {{ money("net_revenue") }} as net_revenue,
        cost_of_goods,
        {{ money("net_revenue - cost_of_goods") }} as cm1
    from costs

)

select * from int_order_lines_costed
