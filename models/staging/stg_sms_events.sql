with

source as (

    select * from {{ source("raw", "sms_events") }}

),

stg_sms_events as (

    select
        -- ids
        sms_event_id,
        message_id,
        customer_id,
        -- text
        event_type,
        reply_text,
        -- times
        occurred_at
    from source
    where {{ is_before_as_of("occurred_at") }}

)

select * from stg_sms_events
