with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

consents as (

    select * from {{ ref("int_contact_consents") }}

),

contacts_in_doubt as (

    select * from {{ ref("int_contacts_in_doubt") }}

),

phone_lines as (

    select * from {{ ref("int_phone_lines") }}

),

suppressions as (

    select * from {{ ref("int_contact_suppressions") }}

),

int_customer_eligibility as (

    select
        contacts.customer_id,
        contacts.contact_id,
        -- The first reason that holds; its order is written down in the seed decision_reasons.
        case
            when contacts.is_test then 'test_account'
            when suppressions.contact_id is not null then 'suppressed'
            when contacts.phone_e164 is null then 'no_phone'
            when not phone_lines.is_textable then 'not_textable'
            when contacts.is_shared_too_widely then 'shared_phone'
            when contacts_in_doubt.contact_id is not null then 'consent_unreadable'
            when marketing.state = 'opted_out' then 'opted_out'
            when marketing.state is null then 'no_consent'
        end as legal_reason_code,
        -- What is owed needs no yes to marketing, but either yes and no stop of its own.
        case
            when contacts.is_test then 'test_account'
            when suppressions.contact_id is not null then 'suppressed'
            when contacts.phone_e164 is null then 'no_phone'
            when not phone_lines.is_textable then 'not_textable'
            when contacts.is_shared_too_widely then 'shared_phone'
            when contacts_in_doubt.contact_id is not null then 'consent_unreadable'
            when transactional.state = 'opted_out' then 'opted_out'
            when transactional.state is null and marketing.state = 'opted_out' then 'opted_out'
            when transactional.state is null and marketing.state is null then 'no_consent'
        end as service_reason_code
    from contacts
    left join suppressions on contacts.contact_id = suppressions.contact_id
    left join contacts_in_doubt on contacts.contact_id = contacts_in_doubt.contact_id
    left join phone_lines on contacts.phone_e164 = phone_lines.phone_e164
    left join consents as marketing
        on
            contacts.contact_id = marketing.contact_id
            and marketing.purpose = 'marketing'
    left join consents as transactional
        on
            contacts.contact_id = transactional.contact_id
            and transactional.purpose = 'transactional'

)

select * from int_customer_eligibility
