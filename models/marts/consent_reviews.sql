with

reply_verdicts as (

    select * from {{ ref("int_reply_verdicts") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

consent_events as (

    select * from {{ ref("int_consent_events_by_contact") }}

),

refusals as (

    select
        reply_verdicts.sms_event_id,
        contacts.contact_id,
        reply_verdicts.occurred_at,
        reply_verdicts.stop_word
    from reply_verdicts
    inner join contacts on reply_verdicts.customer_id = contacts.customer_id
    where reply_verdicts.verdict = 'refusal'

),

yeses as (

    select
        contact_id,
        occurred_at
    from consent_events
    where purpose = 'marketing' and action = 'opt_in'

),

consent_reviews as (

    select
        {{ as_of_date() }} as as_of_date,
        refusals.sms_event_id,
        refusals.contact_id,
        refusals.occurred_at as replied_at,
        refusals.stop_word as sounds_like,
        min(yeses.occurred_at) as cleared_at,
        count(yeses.occurred_at) = 0 as is_open
    from refusals
    left join yeses
        on
            refusals.contact_id = yeses.contact_id
            and refusals.occurred_at < yeses.occurred_at
    group by
        refusals.sms_event_id,
        refusals.contact_id,
        refusals.occurred_at,
        refusals.stop_word

)

select * from consent_reviews
