with

consent_events as (

    select * from {{ ref("stg_consent_events") }}

),

sms_events as (

    select * from {{ ref("stg_sms_events") }}

),

sms_messages as (

    select * from {{ ref("stg_sms_messages") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

-- A text answered with a stop word names no purpose: it ends all of them.
replies as (

    select
        sms_events.sms_event_id,
        coalesce(sms_events.customer_id, sms_messages.customer_id) as customer_id,
        sms_events.occurred_at
    from sms_events
    left join sms_messages on sms_events.message_id = sms_messages.message_id
    where sms_events.event_type = 'opt_out'

),

purposes as (

    select 'marketing' as purpose
    union all
    select 'transactional' as purpose

),

-- What is said about a number is said about its contact.
by_phone as (

    select
        contact_phones.contact_id,
        consent_events.purpose,
        consent_events.action,
        consent_events.occurred_at,
        consent_events.source,
        consent_events.proof
    from consent_events
    inner join contact_phones on consent_events.phone_e164 = contact_phones.phone_e164

),

-- A yes counts for the number it was given with; a no counts for the customer, whatever the number.
by_customer as (

    select
        contacts.contact_id,
        consent_events.purpose,
        consent_events.action,
        consent_events.occurred_at,
        consent_events.source,
        consent_events.proof
    from consent_events
    inner join contacts on consent_events.customer_id = contacts.customer_id
    where consent_events.phone is null or consent_events.action = 'opt_out'

),

by_reply as (

    select
        contacts.contact_id,
        purposes.purpose,
        'opt_out' as action,
        replies.occurred_at,
        'sms_reply' as source,
        cast(null as {{ dbt.type_string() }}) as proof
    from replies
    inner join contacts on replies.customer_id = contacts.customer_id
    cross join purposes

),

int_consent_events_by_contact as (

    select * from by_phone
    union all
    select * from by_customer
    union all
    select * from by_reply

)

select * from int_consent_events_by_contact
