with

source as (

    select * from {{ source("fitted", "value_fits") }}

),

stg_value_fits as (

    select
        -- text
        fit,
        -- dates and times
        fitted_on,
        -- numbers
        repeat_customers,
        customers_without_margin,
        p,
        q,
        gamma,
        log_likelihood,
        margin_frequency_correlation,
        -- booleans
        is_at_bound
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_value_fits
