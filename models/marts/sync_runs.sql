with

sync_runs as (

    select
        {{ as_of_date() }} as as_of_date,
        sync_run_id,
        destination,
        night_date,
        outcome,
        why,
        added,
        changed,
        removed,
        pending,
        failed,
        started_at,
        finished_at
    from {{ ref("stg_sync_runs") }}

)

select * from sync_runs
