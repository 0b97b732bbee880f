with

rejects as (

    select * from {{ ref("stg_load_rejects") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

lost_rows as (

    select
        customer_id,
        phone_e164
    from rejects
    where table_name in ('consent_events', 'sms_events', 'suppressions')

),

int_contacts_in_doubt as (

    select contacts.contact_id
    from lost_rows
    inner join contacts on lost_rows.customer_id = contacts.customer_id

    union

    select contact_phones.contact_id
    from lost_rows
    inner join contact_phones on lost_rows.phone_e164 = contact_phones.phone_e164

)

select * from int_contacts_in_doubt
