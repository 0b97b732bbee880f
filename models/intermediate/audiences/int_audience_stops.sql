with

candidates as (

    select *
    from {{ ref("int_audience_candidates") }}
    where exclusion_code is null

),

audiences as (

    select * from {{ ref("audiences") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

-- An older account that joins a phone names its contact anew: who was held out stays so.
holdouts as (

    select distinct
        assignments.experiment_id,
        coalesce(contacts.contact_id, assignments.contact_id) as contact_id
    from {{ ref("holdout_assignments") }} as assignments
    left join contacts on assignments.contact_id = contacts.customer_id
    where assignments.arm = 'holdout'

),

quiet as (

    select * from {{ ref("int_contacts_in_quiet") }}

),

last_messages as (

    select
        contact_id,
        audience_id,
        max(sent_at) as sent_at
    from {{ ref("int_contact_messages") }}
    where audience_id is not null
    group by contact_id, audience_id

),

last_touches as (

    select
        contact_id,
        audience_id,
        max(sent_at) as sent_at
    from {{ ref("int_contact_touches") }}
    where audience_id is not null
    group by contact_id, audience_id

),

int_audience_stops as (

    select
        candidates.audience_id,
        candidates.customer_id,
        -- The first reason that holds; its order is written down in the seed decision_reasons.
        case
            -- What a customer is owed is told to everybody, unless its audience says otherwise.
            when candidates.message_class = 'promotional' and held_out_of_all.contact_id is not null
                then 'global_holdout'
            when held_out_of_audience.contact_id is not null then 'audience_holdout'
            -- A list that campaigns start from sends nothing itself.
            when not candidates.is_message then null
            when candidates.is_told then 'already_told'
            when
                last_messages.sent_at > {{ hours_after(
                    "candidates.send_at", "-24 * audiences.cooldown_days"
                ) }} then 'cooldown'
            when candidates.message_class = 'promotional' and quiet.contact_id is not null
                then 'service_quiet'
            when
                last_touches.sent_at > {{ hours_after(
                    "candidates.send_at", "-audiences.other_channel_hours"
                ) }} then 'other_channel'
        end as stop_code
    from candidates
    inner join audiences on candidates.audience_id = audiences.audience_id
    left join holdouts as held_out_of_all
        on
            candidates.contact_id = held_out_of_all.contact_id
            and held_out_of_all.experiment_id = 'global'
    left join holdouts as held_out_of_audience
        on
            candidates.contact_id = held_out_of_audience.contact_id
            and audiences.holdout_experiment_id = held_out_of_audience.experiment_id
    left join quiet on candidates.contact_id = quiet.contact_id
    left join last_messages
        on
            candidates.contact_id = last_messages.contact_id
            and candidates.audience_id = last_messages.audience_id
    left join last_touches
        on
            candidates.contact_id = last_touches.contact_id
            and candidates.audience_id = last_touches.audience_id

)

select * from int_audience_stops
