with

source as (

    select * from {{ source("raw", "orders") }}

),

stg_orders as (

    select
        -- ids
        order_id,
        customer_id,
        campaign_id,
        -- text
        coalesce(status, 'completed') as status,
        currency,
        discount_code,
        sales_channel,
        -- numbers
        shipping_revenue,
        shipping_cost,
        payment_fee,
        tax_amount,
        order_discount_amount,
        fx_rate,
        -- times
        ordered_at,
        due_at,
        {{ known_at_as_of("paid_at") }} as paid_at
    from source
    where {{ is_before_as_of("ordered_at") }}

)

select * from stg_orders
