with

outcomes as (

    select * from {{ ref("int_text_outcomes") }}

),

messages as (

    select *
    from {{ ref("int_contact_messages") }}
    where messages > 0

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
before as (

    select
        outcomes.message_id,
        windows.window_hours,
        sum(received.weight) as weight,
        sum(
            case
                when outcomes.message_class = received.message_class then received.weight else 0
            end
        ) as own_weight
    from outcomes
    cross join windows
    inner join received
        on
            outcomes.contact_id = received.contact_id
            and outcomes.sent_at >= received.sent_at
            and received.sent_at > {{ hours_after("outcomes.sent_at", "-windows.window_hours") }}
            and (
                outcomes.sent_at > received.sent_at
                or outcomes.message_id > coalesce(received.message_id, '')
            )
    group by outcomes.message_id, windows.window_hours

),

classes as (

    select
        message_id,
        message_class
    from outcomes

    union all

    select
        message_id,
        'all' as message_class
    from outcomes

),

int_text_pressure as (

    select
        classes.message_id,
        classes.message_class,
        capped.window_hours,
        -- The lowest cap that would have let the text go.
        cast(
            ceil(coalesce(
                case classes.message_class when 'all' then before.weight else before.own_weight end,
                0
            )) as {{ dbt.type_int() }}
        ) + 1 as message_number
    from classes
    inner join capped on classes.message_class = capped.message_class
    left join before
        on
            classes.message_id = before.message_id
            and capped.window_hours = before.window_hours

)

select * from int_text_pressure
