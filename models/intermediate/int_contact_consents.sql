with

consent_events as (

    select * from {{ ref("int_consent_events_by_contact") }}

),

ranked as (

    select
        contact_id,
        purpose,
        action,
        occurred_at,
        source,
        proof,
        row_number() over (
            partition by contact_id, purpose
            -- The latest word counts; at the same instant a stop outweighs a yes.
            order by occurred_at desc, action desc, source asc nulls last, proof asc nulls last
        ) as recency
    from consent_events

),

int_contact_consents as (

    select
        contact_id,
        purpose,
        case action when 'opt_in' then 'opted_in' else 'opted_out' end as state,
        occurred_at as changed_at,
        source,
        proof is not null as has_proof
    from ranked
    where recency = 1

)

select * from int_contact_consents
