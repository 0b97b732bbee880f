with

candidates as (

    select * from {{ ref("int_audience_candidates") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

global_holdout as (

    select contact_id
    from {{ ref("holdout_assignments") }}
    where experiment_id = 'global' and arm = 'holdout'

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
        audiences.message_class,
        audiences.priority,
        case
            when candidates.exclusion_code is not null then candidates.exclusion_code
            -- What a customer is owed is told to everybody: only promotion is held out.
            when global_holdout.contact_id is not null and audiences.message_class = 'promotional'
                then 'global_holdout'
            else 'member'
        end as reason_code
    from candidates
    inner join audiences on candidates.audience_id = audiences.audience_id
    left join global_holdout on candidates.contact_id = global_holdout.contact_id

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
        decided.message_class,
        decided.priority
    from decided
    inner join reasons on decided.reason_code = reasons.reason_code

)

select * from audience_decisions
