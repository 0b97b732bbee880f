with

sync_failures as (

    select
        {{ as_of_date() }} as as_of_date,
        destination,
        audience,
        contact_id,
        customer_id,
        state,
        attempts,
        next_try_at,
        error_code
    from {{ ref("stg_sync_failures") }}

)

select * from sync_failures
