with

source as (

    select * from {{ source("raw", "sms_messages") }}

),

stg_sms_messages as (

    select
        -- ids
        message_id,
        customer_id,
        campaign_id,
        -- text
        message_type,
        purpose,
        status,
        error_code,
        -- numbers
        segments,
        cost,
        -- times
        sent_at
    from source
    where {{ is_before_as_of("sent_at") }}

)

select * from stg_sms_messages
