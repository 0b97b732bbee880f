with

source as (

    select * from {{ source("raw", "support_tickets") }}

),

stg_support_tickets as (

    select
        -- ids
        ticket_id,
        customer_id,
        -- text
        channel,
        category,
        -- numbers
        handle_minutes,
        csat,
        sentiment,
        -- times
        opened_at,
        {{ known_at_as_of("first_response_at") }} as first_response_at,
        {{ known_at_as_of("closed_at") }} as closed_at
    from source
    where {{ is_before_as_of("opened_at") }}

)

select * from stg_support_tickets
