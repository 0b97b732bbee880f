with

source as (

    select * from {{ source("fitted", "order_brackets") }}

),

stg_order_brackets as (

    select
        -- text
        fit,
        -- dates and times
        fitted_on,
        -- numbers
        repeat_orders,
        age_weeks,
        horizon_months,
        orders_if_alive,
        discounted_orders_if_alive
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_order_brackets
