{{ config(materialized="view") }}

with

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

int_segment_lines as (

    select
        order_lines.customer_id,
        order_lines.product_id,
        order_lines.ordered_at,
        products.category,
        products.brand,
        order_lines.quantity,
        order_lines.gross_revenue,
        order_lines.net_revenue,
        products.launched_at is not null as is_launch_known,
        coalesce(
            abs({{ days_between("products.launched_at", "order_lines.ordered_at") }})
            <= {{ parameter("trend_days") }},
            false
        ) as is_trend_line,
        -- An order's discount is shared out in whole digits: one line has the last digit more,
        -- another less.
        order_lines.gross_revenue > 0
        and order_lines.gross_revenue - order_lines.net_revenue + 0.0001
        >= {{ parameter("discounted_line_floor") }} * order_lines.gross_revenue as is_discounted
    from order_lines
    left join products on order_lines.product_id = products.product_id
    where
        order_lines.customer_id is not null
        and {{ is_in_last_months("order_lines.ordered_at", parameter("segment_window_months")) }}

)

select * from int_segment_lines
