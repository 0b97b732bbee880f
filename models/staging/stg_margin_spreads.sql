with

source as (

    select * from {{ source("fitted", "margin_spreads") }}

),

stg_margin_spreads as (

    select
        -- numbers
        repeat_orders,
        weight_variance,
        constant_variance,
        covariance
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_margin_spreads
