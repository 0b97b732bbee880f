with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

int_contact_phones as (

    select distinct
        phone_e164,
        contact_id
    from contacts
    where phone_e164 is not null

)

select * from int_contact_phones
