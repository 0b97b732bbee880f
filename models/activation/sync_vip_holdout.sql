with

sync_vip_holdout as (

    select
        as_of_date,
        experiment_id,
        contact_id,
        customer_id,
        arm
    from {{ ref("holdout_assignments") }}

)

select * from sync_vip_holdout
