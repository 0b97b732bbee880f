with

assignments as (

    select * from {{ ref("holdout_assignments") }}

),

contacts as (

    select * from {{ ref("customer_contacts") }}

),

sync_vip_holdout as (

    select
        assignments.as_of_date,
        assignments.experiment_id,
        assignments.contact_id,
        assignments.customer_id,
        assignments.arm,
        -- A platform knows whom to leave out by the number another system may have brought.
        case when assignments.arm = 'holdout' then contacts.phone_e164 end as phone,
        case when assignments.arm = 'holdout' then contacts.email end as email
    from assignments
    left join contacts on assignments.customer_id = contacts.customer_id

)

select * from sync_vip_holdout
