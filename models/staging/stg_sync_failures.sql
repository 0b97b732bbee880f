with

source as (

    select * from {{ source("raw", "sync_failures") }}

),

stg_sync_failures as (

    select
        -- ids
        destination,
        audience,
        contact_id,
        customer_id,
        -- text
        state,
        error_code,
        -- numbers
        attempts,
        -- times
        next_try_at
    from source

)

select * from stg_sync_failures
