with

source as (

    select * from {{ source("raw", "sync_runs") }}

),

stg_sync_runs as (

    select
        -- ids
        sync_run_id,
        destination,
        -- text
        outcome,
        why,
        -- numbers
        added,
        changed,
        removed,
        pending,
        failed,
        -- times
        night_date,
        started_at,
        finished_at
    from source
    where night_date < {{ as_of_date() }}

)

select * from stg_sync_runs
