with

texts as (

    select *
    from {{ ref("int_contact_texts") }}
    where not has_failed and not is_test

),

sms_events as (

    select * from {{ ref("stg_sms_events") }}

),

opt_outs as (

    select * from {{ ref("int_contact_opt_outs") }}

),

tier_history as (

    select * from {{ ref("tier_history") }}

),

-- What is said after a text is said of the last one before it, for as long as people react.
heard as (

    select
        *,
        {{ hours_after("sent_at", "24 * " ~ parameter("saturation_reaction_days")) }}
            as heard_until,
        lead(sent_at) over (partition by contact_id order by sent_at, message_id) as next_sent_at
    from texts

),

due as (

    select *
    from heard
    where
        sent_at >= {{ days_ago("saturation_days") }}
        and heard_until <= {{ as_of_moment() }}

),

stopped as (

    select distinct due.message_id
    from due
    inner join opt_outs
        on
            due.contact_id = opt_outs.contact_id
            and due.sent_at <= opt_outs.opted_out_at
            and due.heard_until > opt_outs.opted_out_at
            and coalesce(due.next_sent_at > opt_outs.opted_out_at, true)

),

reactions as (

    select
        due.message_id,
        max(case when sms_events.event_type = 'click' then 1 else 0 end) as clicks,
        max(case when sms_events.event_type = 'complaint' then 1 else 0 end) as complaints
    from due
    inner join sms_events
        on
            due.message_id = sms_events.message_id
            and due.heard_until > sms_events.occurred_at
    where sms_events.event_type in ('click', 'complaint')
    group by due.message_id

),

int_text_outcomes as (

    select
        due.message_id,
        due.contact_id,
        due.message_class,
        due.sent_at,
        coalesce(tier_history.tier_rank, 0) as tier_rank,
        case
            when {{ has_table("sms_events") }} then coalesce(reactions.clicks, 0)
        end as clicks,
        case
            when {{ has_table("sms_events") }} then coalesce(reactions.complaints, 0)
        end as complaints,
        case
            when {{ has_table("sms_events") }} or {{ has_table("consent_events") }}
                then case when stopped.message_id is null then 0 else 1 end
        end as opt_outs
    from due
    left join reactions on due.message_id = reactions.message_id
    left join stopped on due.message_id = stopped.message_id
    left join tier_history
        on
            due.customer_id = tier_history.customer_id
            and cast(due.sent_at as date) >= tier_history.valid_from
            and cast(due.sent_at as date) < {{ lasts_until("tier_history.valid_to") }}

)

select * from int_text_outcomes
