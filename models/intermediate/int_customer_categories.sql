with

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

int_customer_categories as (

    select
        order_lines.customer_id,
        products.category,
        min(order_lines.ordered_at) as first_bought_at,
        max(order_lines.ordered_at) as last_bought_at,
        count(*) as lines_lifetime,
        {{ sum_in_last_months("1", "order_lines.ordered_at", 12) }} as lines_12m,
        {{ money("sum(order_lines.net_revenue)") }} as order_revenue_lifetime,
        {{ money(sum_in_last_months("order_lines.net_revenue", "order_lines.ordered_at", 12)) }}
            as order_revenue_12m
    from order_lines
    inner join products on order_lines.product_id = products.product_id
    where
        order_lines.customer_id is not null
        and products.category is not null
    group by order_lines.customer_id, products.category

)

select * from int_customer_categories
