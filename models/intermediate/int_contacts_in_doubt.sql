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

sms_events as (

    select * from {{ ref("stg_sms_events") }}

),

sms_messages as (

    select * from {{ ref("stg_sms_messages") }}

),

ticket_categories as (

    select * from {{ ref("stop_ticket_categories") }}

),

lost_messages as (

    select
        message_id,
        customer_id
    from rejects
    where table_name = 'sms_messages' and message_id is not null

),

-- What may be an answer of stop to a text that could not be read is somebody's all the same.
answered as (

    select message_id
    from sms_events
    where
        event_type in ('opt_out', 'complaint')
        or (event_type = 'reply' and reply_text is not null)

    union

    select message_id
    from rejects
    where table_name = 'sms_events'

),

lost_rows as (

    select
        customer_id,
        phone_e164
    from rejects
    where table_name in ('consent_events', 'handed_opt_outs', 'sms_events', 'suppressions')

    union all

    select
        lost_messages.customer_id,
        cast(null as {{ dbt.type_string() }}) as phone_e164
    from lost_messages
    inner join answered on lost_messages.message_id = answered.message_id

    union all

    -- Whoever an event names, it may be of whom its text was written to.
    select
        sms_messages.customer_id,
        cast(null as {{ dbt.type_string() }}) as phone_e164
    from rejects
    inner join sms_messages on rejects.message_id = sms_messages.message_id
    where rejects.table_name = 'sms_events'

    union all

    -- What a ticket said is its category; a record that could not be taken apart may say anything.
    select
        rejects.customer_id,
        cast(null as {{ dbt.type_string() }}) as phone_e164
    from rejects
    left join ticket_categories
        on {{ says_category(plain_words("rejects.category"), "ticket_categories.ticket_category") }}
    where
        rejects.table_name = 'support_tickets'
        and (
            rejects.reason = 'malformed_record'
            or ticket_categories.ticket_category is not null
        )

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
