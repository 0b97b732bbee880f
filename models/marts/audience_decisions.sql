with

candidates as (

    select * from {{ ref("int_audience_candidates") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

stops as (

    select * from {{ ref("int_audience_stops") }}

),

arbitrated as (

    select * from {{ ref("int_audience_arbitrated") }}

),

reasons as (

    select * from {{ ref("decision_reasons") }}

),

decided as (

    select
        candidates.audience_id,
        candidates.customer_id,
        candidates.contact_id,
        candidates.tier_rank,
        candidates.is_message,
        candidates.message_class,
        candidates.subject_id,
        candidates.send_at,
        candidates.ends_at,
        audiences.priority,
        coalesce(
            candidates.exclusion_code,
            stops.stop_code,
            -- Nobody is a member of a message for want of an outcome: the row would be missed.
            case when candidates.is_message then arbitrated.outcome else 'member' end
        ) as reason_code,
        arbitrated.winner_audience_id
    from candidates
    inner join audiences on candidates.audience_id = audiences.audience_id
    left join stops
        on
            candidates.audience_id = stops.audience_id
            and candidates.customer_id = stops.customer_id
    left join arbitrated
        on
            candidates.audience_id = arbitrated.audience_id
            and candidates.customer_id = arbitrated.customer_id

),

audience_decisions as (

    select
        {{ as_of_date() }} as as_of_date,
        decided.audience_id,
        decided.customer_id,
        decided.contact_id,
        decided.tier_rank,
        reasons.decision,
        decided.reason_code,
        reasons.step as reason_step,
        decided.winner_audience_id,
        decided.is_message,
        decided.message_class,
        decided.priority,
        decided.subject_id,
        decided.send_at,
        decided.ends_at
    from decided
    inner join reasons on decided.reason_code = reasons.reason_code

)

select * from audience_decisions
