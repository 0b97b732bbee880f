with

candidates as (

    select * from {{ ref("int_audience_candidates") }}

),

messages as (

    select * from {{ ref("int_contact_messages") }}

),

touches as (

    select * from {{ ref("int_contact_touches") }}

),

caps as (

    select * from {{ ref("frequency_caps") }}

),

contacts as (

    select
        contact_id,
        max(tier_rank) as tier_rank,
        max(send_at) as send_at
    from candidates
    where is_message and exclusion_code is null
    group by contact_id

),

received as (

    select
        contact_id,
        message_class,
        sent_at,
        messages as weight
    from messages

    union all

    select
        contact_id,
        message_class,
        sent_at,
        weight
    from touches

),

-- The window rolls: it ends when tonight's message would go out, and what went exactly its length
-- before has left it.
used as (

    select
        contacts.contact_id,
        caps.message_class,
        caps.window_hours,
        caps.max_messages,
        sum(
            case
                when
                    received.sent_at > {{ hours_after("contacts.send_at", "-caps.window_hours") }}
                    then received.weight
                else 0
            end
        ) as weight
    from contacts
    inner join caps on contacts.tier_rank = caps.tier_rank
    left join received
        on
            contacts.contact_id = received.contact_id
            and caps.message_class in (received.message_class, 'all')
    group by
        contacts.contact_id, caps.message_class, caps.window_hours, caps.max_messages

),

int_contact_message_room as (

    select
        contact_id,
        message_class,
        cast(
            floor(min(greatest(max_messages - coalesce(weight, 0), 0)))
            as {{ dbt.type_int() }}
        ) as messages_left
    from used
    group by contact_id, message_class

)

select * from int_contact_message_room
