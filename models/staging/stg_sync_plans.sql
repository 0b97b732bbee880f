with

source as (

    select * from {{ source("raw", "sync_plans") }}

),

stg_sync_plans as (

    select
        -- ids
        sync_run_id,
        destination,
        audience,
        -- text
        action,
        tier,
        reason,
        -- numbers
        contacts,
        -- times
        night_date
    from source
    where night_date < {{ as_of_date() }}

)

select * from stg_sync_plans
