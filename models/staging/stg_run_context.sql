with

source as (

    select * from {{ source("raw", "run_context") }}

),

stg_run_context as (

    select
        -- ids
        run_id,
        -- text
        reporting_currency,
        raw_fingerprint,
        -- booleans
        is_sample,
        -- times
        as_of_date
    from source

)

select * from stg_run_context
