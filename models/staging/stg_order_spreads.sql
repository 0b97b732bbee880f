with

source as (

    select * from {{ source("fitted", "order_spreads") }}

),

stg_order_spreads as (

    select
        -- numbers
        repeat_orders,
        weeks_to_last_order,
        age_weeks,
        horizon_months,
        order_spread
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_order_spreads
