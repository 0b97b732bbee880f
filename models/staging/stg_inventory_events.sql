with

source as (

    select * from {{ source("raw", "inventory_events") }}

),

stg_inventory_events as (

    select
        -- ids
        inventory_event_id,
        product_id,
        -- text
        event_type,
        -- times
        occurred_at
    from source
    where {{ is_before_as_of("occurred_at") }}

)

select * from stg_inventory_events
