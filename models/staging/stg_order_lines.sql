with

source as (

    select * from {{ source("raw", "order_lines") }}

),

stg_order_lines as (

    select
        -- ids
        order_line_id,
        order_id,
        product_id,
        -- numbers
        quantity,
        unit_price,
        line_discount_amount,
        unit_cost
    from source

)

select * from stg_order_lines
