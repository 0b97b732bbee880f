with

source as (

    select * from {{ source("raw", "consent_events") }}

),

stg_consent_events as (

    select
        -- ids
        consent_event_id,
        customer_id,
        -- text
        phone,
        coalesce(purpose, 'marketing') as purpose,
        action,
        source,
        proof,
        phone_e164,
        -- times
        occurred_at
    from source
    where {{ is_before_as_of("occurred_at") }}

)

select * from stg_consent_events
