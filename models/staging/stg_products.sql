with

source as (

    select * from {{ source("raw", "products") }}

),

stg_products as (

    select
        -- ids
        product_id,
        -- text
        product_name,
        category,
        brand,
        -- numbers
        list_price,
        unit_cost,
        replenishment_days,
        -- booleans
        is_premium,
        -- times
        launched_at
    from source

)

select * from stg_products
