{{ config(schema="marts_private") }}

with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

customer_contacts as (

    select
        {{ as_of_date() }} as as_of_date,
        customer_id,
        contact_id,
        phone_e164,
        email,
        first_name,
        last_name,
        country_code,
        region_code,
        language,
        is_test
    from contacts

)

select * from customer_contacts
