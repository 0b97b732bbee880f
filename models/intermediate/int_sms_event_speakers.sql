with

sms_events as (

    select * from {{ ref("stg_sms_events") }}

),

sms_messages as (

    select * from {{ ref("stg_sms_messages") }}

),

-- Who is named with the event, and whom the text was written to: a platform's own id is nobody's,
-- and of two people either may have spoken.
people as (

    select
        sms_events.sms_event_id,
        sms_events.event_type,
        sms_events.occurred_at,
        sms_events.reply_text,
        sms_events.customer_id as named,
        sms_messages.customer_id as written_to
    from sms_events
    left join sms_messages on sms_events.message_id = sms_messages.message_id
    where sms_events.event_type in ('opt_out', 'complaint', 'reply')

),

int_sms_event_speakers as (

    select
        sms_event_id,
        event_type,
        occurred_at,
        reply_text,
        coalesce(named, written_to) as customer_id
    from people

    union all

    select
        sms_event_id,
        event_type,
        occurred_at,
        reply_text,
        written_to as customer_id
    from people
    where named <> written_to

)

select * from int_sms_event_speakers
