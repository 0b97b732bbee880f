with

suppressions as (

    select * from {{ ref("stg_suppressions") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

in_force as (

    select *
    from suppressions
    where
        until_at is null
        or until_at > cast({{ as_of_date() }} as timestamp)
        -- Dates that cannot both be right tell no end.
        or until_at <= from_at

),

by_contact as (

    select
        contacts.contact_id,
        in_force.reason
    from in_force
    inner join contacts on in_force.customer_id = contacts.customer_id

    union all

    select
        contact_phones.contact_id,
        in_force.reason
    from in_force
    inner join contact_phones on in_force.phone_e164 = contact_phones.phone_e164

),

int_contact_suppressions as (

    select
        contact_id,
        min(reason) as reason
    from by_contact
    group by contact_id

)

select * from int_contact_suppressions
