with

consent_events as (

    select * from {{ ref("int_consent_events_by_contact") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

sms_messages as (

    select * from {{ ref("stg_sms_messages") }}

),

suppressions as (

    select * from {{ ref("stg_suppressions") }}

),

marketing as (

    select
        contact_id,
        action,
        occurred_at,
        source,
        lag(action) over (
            partition by contact_id
            order by occurred_at asc, action asc, word_id asc
        ) as earlier_action,
        min(case when action = 'opt_in' then occurred_at end) over (
            partition by contact_id
            order by occurred_at asc, action asc, word_id asc
            rows between 1 following and unbounded following
        ) as opted_in_again_at
    from consent_events
    where purpose = 'marketing'

),

-- A stop said twice is one: it runs from the first word to the next yes.
opt_outs as (

    select
        contact_id,
        occurred_at as opted_out_at,
        opted_in_again_at,
        source
    from marketing
    where action = 'opt_out' and coalesce(earlier_action, 'opt_in') = 'opt_in'

),

-- A text of no declared purpose is promotion.
texts as (

    select
        opt_outs.contact_id,
        opt_outs.opted_out_at,
        count(*) as texts_after,
        min(sms_messages.sent_at) as first_text_at,
        max(sms_messages.sent_at) as last_text_at
    from opt_outs
    inner join contacts on opt_outs.contact_id = contacts.contact_id
    inner join sms_messages
        on
            contacts.customer_id = sms_messages.customer_id
            and opt_outs.opted_out_at < sms_messages.sent_at
    where
        coalesce(sms_messages.purpose, 'marketing') = 'marketing'
        and (
            opt_outs.opted_in_again_at is null
            or sms_messages.sent_at < opt_outs.opted_in_again_at
        )
    group by opt_outs.contact_id, opt_outs.opted_out_at

),

suppressed as (

    select
        contacts.contact_id,
        suppressions.from_at
    from suppressions
    inner join contacts on suppressions.customer_id = contacts.customer_id

    union

    select
        contact_phones.contact_id,
        suppressions.from_at
    from suppressions
    inner join contact_phones on suppressions.phone_e164 = contact_phones.phone_e164

),

suppressions_after as (

    select
        opt_outs.contact_id,
        opt_outs.opted_out_at,
        min(suppressed.from_at) as suppressed_at
    from opt_outs
    inner join suppressed
        on
            opt_outs.contact_id = suppressed.contact_id
            and opt_outs.opted_out_at <= suppressed.from_at
    group by opt_outs.contact_id, opt_outs.opted_out_at

),

int_contact_opt_outs as (

    select
        opt_outs.contact_id,
        opt_outs.opted_out_at,
        opt_outs.opted_in_again_at,
        opt_outs.source,
        coalesce(texts.texts_after, 0) as texts_after,
        texts.first_text_at,
        texts.last_text_at,
        suppressions_after.suppressed_at
    from opt_outs
    left join texts
        on
            opt_outs.contact_id = texts.contact_id
            and opt_outs.opted_out_at = texts.opted_out_at
    left join suppressions_after
        on
            opt_outs.contact_id = suppressions_after.contact_id
            and opt_outs.opted_out_at = suppressions_after.opted_out_at

)

select * from int_contact_opt_outs
