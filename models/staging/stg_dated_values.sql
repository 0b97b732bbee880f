with

source as (

    select * from {{ source("fitted", "dated_values") }}

),

stg_dated_values as (

    select
        -- ids
        customer_id,
        -- text
        metric,
        -- dates and times
        asked_on,
        -- numbers
        metric_value
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_dated_values
