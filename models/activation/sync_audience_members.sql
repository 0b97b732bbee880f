with

sync_audience_members as (

    select
        as_of_date,
        audience_id,
        customer_id,
        contact_id,
        message_class,
        send_window_opens_at,
        send_window_closes_at,
        ends_at,
        {{ merge_field_types() | join(",\n        ") }}
    from {{ ref("audience_members") }}

)

select * from sync_audience_members
