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

text_count as (

    select count(*) as texts
    from texts

),

text_contacts as (

    select distinct contact_id
    from texts

),

-- Of a long log contacts are drawn by lot, each with all of their texts: rates need no more.
drawn as (

    select text_contacts.contact_id
    from text_contacts
    cross join text_count
    where
        {{ hash_bucket("'saturation'", "text_contacts.contact_id") }}
        < {{ ratio(parameter("saturation_texts_most"), "text_count.texts") }}

),

-- What is said after a text is said of the last one before it, for as long as people react.
heard as (

    select
        texts.*,
        {{ hours_after("texts.sent_at", "24 * " ~ parameter("saturation_reaction_days")) }}
            as heard_until,
        lead(texts.sent_at) over (
            partition by texts.contact_id
            order by texts.sent_at, texts.message_id
        ) as next_sent_at
    from texts
    inner join drawn on texts.contact_id = drawn.contact_id

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
