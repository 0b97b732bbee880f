with

source as (

    select * from {{ source("raw", "returns") }}

),

stg_returns as (

    select
        -- ids
        return_id,
        order_id,
        order_line_id,
        customer_id,
        product_id,
        -- text
        reason,
        -- numbers
        quantity,
        refund_amount,
        return_cost,
        -- times
        returned_at
    from source
    where {{ is_before_as_of("returned_at") }}

)

select * from stg_returns
