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

legal_caps as (

    select * from {{ ref("int_contact_message_caps") }}

),

-- Counted back from the first of tonight's messages, whatever its class: never too short.
contacts as (

    select
        contact_id,
        max(tier_rank) as tier_rank,
        min(send_at) as send_at
    from candidates
    where is_message and exclusion_code is null
    group by contact_id

),

contact_caps as (

    select
        contacts.contact_id,
        contacts.send_at,
        caps.message_class,
        caps.window_hours,
        caps.max_messages
    from contacts
    inner join caps on contacts.tier_rank = caps.tier_rank

    union all

    -- The law caps promotion, whatever the tier.
    select
        contacts.contact_id,
        contacts.send_at,
        'promotional' as message_class,
        legal_caps.cap_hours as window_hours,
        legal_caps.cap_messages as max_messages
    from contacts
    inner join legal_caps on contacts.contact_id = legal_caps.contact_id

),

-- What left the longest window of anybody is of no use to the others.
longest as (

    select min({{ hours_after("send_at", "-window_hours") }}) as opened_at
    from contact_caps

),

received as (

    select
        messages.contact_id,
        messages.message_class,
        messages.sent_at,
        messages.messages as weight
    from messages
    inner join longest on messages.sent_at > longest.opened_at

    union all

    select
        touches.contact_id,
        touches.message_class,
        touches.sent_at,
        touches.weight
    from touches
    inner join longest on touches.sent_at > longest.opened_at

),

-- What counts for its own class counts for all of them together too.
counted as (

    select
        contact_id,
        message_class,
        sent_at,
        weight
    from received

    union all

    select
        contact_id,
        'all' as message_class,
        sent_at,
        weight
    from received

),

-- The window rolls: it ends when tonight's message would go out, and what went exactly its length
-- before has left it.
used as (

    select
        contact_caps.contact_id,
        contact_caps.message_class,
        contact_caps.window_hours,
        contact_caps.max_messages,
        sum(
            case
                when
                    counted.sent_at
                    > {{ hours_after("contact_caps.send_at", "-contact_caps.window_hours") }}
                    then counted.weight
                else 0
            end
        ) as weight
    from contact_caps
    left join counted
        on
            contact_caps.contact_id = counted.contact_id
            and contact_caps.message_class = counted.message_class
    group by
        contact_caps.contact_id,
        contact_caps.message_class,
        contact_caps.window_hours,
        contact_caps.max_messages

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
