with

source as (

    select * from {{ source("fitted", "buying_fits") }}

),

stg_buying_fits as (

    select
        -- text
        fit,
        -- dates and times
        fitted_on,
        -- numbers
        customers,
        repeat_customers,
        r,
        alpha,
        a,
        b,
        log_likelihood,
        -- booleans
        is_at_bound
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_buying_fits
