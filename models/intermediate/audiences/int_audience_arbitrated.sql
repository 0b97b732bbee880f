with

candidates as (

    select *
    from {{ ref("int_audience_candidates") }}
    where is_message and exclusion_code is null

),

stops as (

    select * from {{ ref("int_audience_stops") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

room as (

    select * from {{ ref("int_contact_message_room") }}

),

contenders as (

    select
        candidates.contact_id,
        candidates.customer_id,
        candidates.audience_id,
        candidates.message_class,
        case candidates.message_class
            when 'transactional' then 1
            when 'service' then 2
            else 3
        end as class_rank,
        audiences.priority,
        -- Not measured yet: the readouts of nested holdouts will fill it.
        cast(null as decimal(18, 4)) as incremental_margin,
        candidates.ends_at
    from candidates
    inner join stops
        on
            candidates.audience_id = stops.audience_id
            and candidates.customer_id = stops.customer_id
    inner join audiences on candidates.audience_id = audiences.audience_id
    where stops.stop_code is null

),

ranked as (

    select
        contact_id,
        customer_id,
        audience_id,
        message_class,
        class_rank,
        row_number() over (
            partition by contact_id, message_class
            order by
                priority desc,
                incremental_margin desc nulls last,
                ends_at asc nulls last,
                audience_id asc
        ) as place
    from contenders

),

-- Each class takes what its own cap leaves, in the order of the classes, out of one room for all.
-- No row in the policy, no cap.
demand as (

    select
        ranked.contact_id,
        ranked.message_class,
        ranked.class_rank,
        max(own.messages_left) as own_room,
        max(whole.messages_left) as whole_room,
        least(count(*), max(own.messages_left)) as wanted
    from ranked
    left join room as own
        on
            ranked.contact_id = own.contact_id
            and ranked.message_class = own.message_class
    left join room as whole
        on
            ranked.contact_id = whole.contact_id
            and whole.message_class = 'all'
    group by ranked.contact_id, ranked.message_class, ranked.class_rank

),

granted as (

    select
        contact_id,
        message_class,
        least(own_room, whole_room) as room_before,
        greatest(
            least(
                wanted,
                whole_room - coalesce(
                    sum(wanted) over (
                        partition by contact_id
                        order by class_rank
                        rows between unbounded preceding and 1 preceding
                    ), 0
                )
            ), 0
        ) as messages
    from demand

),

outcomes as (

    select
        ranked.contact_id,
        ranked.customer_id,
        ranked.audience_id,
        ranked.class_rank,
        ranked.place,
        case
            when ranked.place <= granted.messages then 'member'
            when granted.room_before = 0 then 'frequency_cap'
            else 'lower_priority'
        end as outcome
    from ranked
    inner join granted
        on
            ranked.contact_id = granted.contact_id
            and ranked.message_class = granted.message_class

),

winners as (

    select
        contact_id,
        audience_id,
        row_number() over (partition by contact_id order by class_rank, place) as place
    from outcomes
    where outcome = 'member'

),

int_audience_arbitrated as (

    select
        outcomes.audience_id,
        outcomes.customer_id,
        outcomes.outcome,
        case when outcomes.outcome = 'lower_priority' then winners.audience_id end
            as winner_audience_id
    from outcomes
    left join winners
        on
            outcomes.contact_id = winners.contact_id
            and winners.place = 1

)

select * from int_audience_arbitrated
