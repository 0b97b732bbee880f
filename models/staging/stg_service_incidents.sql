with

source as (

    select * from {{ source("raw", "service_incidents") }}

),

stg_service_incidents as (

    select
        -- ids
        incident_id,
        customer_id,
        order_id,
        -- text
        incident_type,
        severity,
        -- times
        opened_at,
        {{ known_at_as_of("resolved_at") }} as resolved_at
    from source
    where {{ is_before_as_of("opened_at") }}

)

select * from stg_service_incidents
