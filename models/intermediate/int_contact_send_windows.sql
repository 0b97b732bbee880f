with

contact_places as (

    select * from {{ ref("int_contact_places") }}

),

place_send_windows as (

    select * from {{ ref("int_place_send_windows") }}

),

-- What is owed keeps the hours of service texts, whichever of the two it is called.
classes as (

    select
        'promotional' as message_class,
        'promotional' as hours_of
    union all
    select
        'service' as message_class,
        'service' as hours_of
    union all
    select
        'transactional' as message_class,
        'service' as hours_of

),

int_contact_send_windows as (

    select
        contact_places.contact_id,
        classes.message_class,
        place_send_windows.opens_at,
        place_send_windows.closes_at,
        case
            when contact_places.zone_set is null then 'unknown_time_zone'
            when place_send_windows.opens_at is null then 'no_legal_window'
        end as no_window_reason
    from contact_places
    cross join classes
    left join place_send_windows
        on
            contact_places.place_id = place_send_windows.place_id
            and classes.hours_of = place_send_windows.message_class

)

select * from int_contact_send_windows
