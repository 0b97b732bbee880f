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
        max(order_lines.ordered_at) as last_bought_at
    from order_lines
    inner join products on order_lines.product_id = products.product_id
    where
        order_lines.customer_id is not null
        and products.category is not null
    group by order_lines.customer_id, products.category

)

select * from int_customer_categories
