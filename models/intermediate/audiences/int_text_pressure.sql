with

outcomes as (

    select * from {{ ref("int_text_outcomes") }}

),

-- What was decided and never reported is not known to have been sent: it may be the text itself.
messages as (

    select *
    from {{ ref("int_contact_messages") }}
    where message_id is not null

),

touches as (

    select *
    from {{ ref("int_contact_touches") }}
    where weight > 0

),

caps as (

    select * from {{ ref("frequency_caps") }}

),

windows as (

    select distinct window_hours
    from caps

),

capped as (

    select distinct
        message_class,
        window_hours
    from caps

),

longest as (

    select max(window_hours) as window_hours
    from windows

),

received as (

    select
        message_id,
        contact_id,
        message_class,
        sent_at,
        {{ money("messages") }} as weight
    from messages

    union all

    select
        cast(null as {{ dbt.type_string() }}) as message_id,
        contact_id,
        message_class,
        sent_at,
        {{ money("weight") }} as weight
    from touches

),

-- The windows roll as those of the caps do; of two texts of one moment the other is the earlier one
-- for one of them.
pairs as (

    select
        outcomes.message_id,
        outcomes.message_class,
        outcomes.sent_at,
        received.sent_at as received_at,
        received.weight,
        case
            when outcomes.message_class = received.message_class then received.weight else 0
        end as own_weight
    from outcomes
    cross join longest
    inner join received
        on
            outcomes.contact_id = received.contact_id
            and outcomes.sent_at >= received.sent_at
            and received.sent_at > {{ hours_after("outcomes.sent_at", "-longest.window_hours") }}
            and (
                outcomes.sent_at > received.sent_at
                or outcomes.message_id > coalesce(received.message_id, '')
            )

),

before as (

    select
        pairs.message_id,
        pairs.message_class,
        windows.window_hours,
        sum(pairs.weight) as weight,
        sum(pairs.own_weight) as own_weight
    from pairs
    inner join windows
        on pairs.received_at > {{ hours_after("pairs.sent_at", "-windows.window_hours") }}
    group by pairs.message_id, pairs.message_class, windows.window_hours

),

-- What counts for its own class counts for all of them together too.
counted as (

    select
        message_id,
        message_class,
        window_hours,
        own_weight as weight
    from before
    where own_weight > 0

    union all

    select
        message_id,
        'all' as message_class,
        window_hours,
        weight
    from before

),

-- Its number is the lowest cap that would have let the text go.
int_text_pressure as (

    select
        counted.message_id,
        counted.message_class,
        counted.window_hours,
        cast(ceil(counted.weight) as {{ dbt.type_int() }}) + 1 as message_number
    from counted
    inner join capped
        on
            counted.message_class = capped.message_class
            and counted.window_hours = capped.window_hours

)

select * from int_text_pressure
