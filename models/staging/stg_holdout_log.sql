with

source as (

    select * from {{ source("raw", "holdout_log") }}

),

stg_holdout_log as (

    select
        -- ids
        experiment_id,
        contact_id,
        customer_id,
        -- text
        arm,
        -- numbers
        bucket,
        -- times
        assigned_on
    from source
    where assigned_on <= {{ as_of_date() }}

)

select * from stg_holdout_log
