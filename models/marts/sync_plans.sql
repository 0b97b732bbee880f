with

sync_plans as (

    select
        {{ as_of_date() }} as as_of_date,
        sync_run_id,
        destination,
        night_date,
        audience,
        action,
        tier,
        reason,
        contacts
    from {{ ref("stg_sync_plans") }}

)

select * from sync_plans
