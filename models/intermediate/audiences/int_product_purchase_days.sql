with

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

int_product_purchase_days as (

    select
        customer_id,
        product_id,
        cast(ordered_at as date) as bought_on,
        sum(quantity) as units
    from order_lines
    where
        customer_id is not null
        and product_id is not null
        and {{ is_in_last_months("ordered_at", parameter("replenishment_window_months")) }}
    group by customer_id, product_id, cast(ordered_at as date)

)

select * from int_product_purchase_days
