with

source as (

    select * from {{ source("raw", "channel_touches") }}

),

stg_channel_touches as (

    select
        -- ids
        touch_id,
        customer_id,
        campaign_id,
        -- text
        channel,
        message_type,
        -- times
        sent_at,
        {{ known_at_as_of("opened_at") }} as opened_at,
        {{ known_at_as_of("clicked_at") }} as clicked_at
    from source
    where {{ is_before_as_of("sent_at") }}

)

select * from stg_channel_touches
