with

consent_events as (

    select * from {{ ref("int_consent_events_by_contact") }}

),

consent_history as (

    select
        {{ as_of_date() }} as as_of_date,
        contact_id,
        purpose,
        word_id,
        action,
        occurred_at,
        lead(occurred_at) over (
            partition by contact_id, purpose
            order by occurred_at asc, action asc, word_id asc
        ) as next_word_at,
        source,
        proof is not null as has_proof
    from consent_events

)

select * from consent_history
