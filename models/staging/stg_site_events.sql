with

source as (

    select * from {{ source("raw", "site_events") }}

),

stg_site_events as (

    select
        -- ids
        site_event_id,
        customer_id,
        product_id,
        -- text
        event_type,
        -- numbers
        duration_seconds,
        -- times
        occurred_at
    from source
    where {{ is_before_as_of("occurred_at") }}

)

select * from stg_site_events
