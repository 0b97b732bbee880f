with

occurrences as (

    select * from {{ ref("audience_occurrences") }}

),

decisions as (

    select * from {{ ref("audience_decisions") }}
    where reason_code not in ('test_account', 'suppressed')

),

audiences as (

    select * from {{ ref("audiences") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

service_levels as (

    select * from {{ ref("service_levels") }}

),

-- Whoever may not be texted is called all the more: no consent is asked for an answer. But nobody
-- calls the deceased, or a number that is somebody else's by now.
sync_support_tasks as (

    select
        {{ as_of_date() }} as as_of_date,
        occurrences.customer_id,
        occurrences.audience_id as reason,
        occurrences.subject_id,
        tiers.tier,
        service_levels.level as service_level,
        {{ hours_after("occurrences.occurred_at", "service_levels.answer_hours") }} as due_at,
        service_levels.authority_amount
    from occurrences
    inner join audiences
        on
            occurrences.audience_id = audiences.audience_id
            and audiences.benefit = 'call back'
    inner join decisions
        on
            occurrences.audience_id = decisions.audience_id
            and occurrences.customer_id = decisions.customer_id
    inner join tiers on occurrences.customer_id = tiers.customer_id
    inner join service_levels on tiers.tier = service_levels.tier

)

select * from sync_support_tasks
