with

source as (

    select * from {{ source("raw", "message_log") }}

),

stg_message_log as (

    select
        -- ids
        audience_id,
        contact_id,
        customer_id,
        subject_id,
        -- text
        message_class,
        -- times
        send_at,
        ends_at,
        as_of_date
    from source
    where as_of_date < {{ as_of_date() }}

)

select * from stg_message_log
