with

decisions as (

    select * from {{ ref("audience_decisions") }}

),

reasons as (

    select * from {{ ref("decision_reasons") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

counts as (

    select
        audience_id,
        reason_code,
        count(*) as customers
    from decisions
    group by audience_id, reason_code

),

steps as (

    select
        audiences.audience_id,
        reasons.step,
        reasons.reason_code,
        reasons.decision,
        coalesce(counts.customers, 0) as customers
    from audiences
    cross join reasons
    left join counts
        on
            audiences.audience_id = counts.audience_id
            and reasons.reason_code = counts.reason_code

),

audience_waterfall as (

    select
        {{ as_of_date() }} as as_of_date,
        audience_id,
        cast(step as integer) as step,
        reason_code,
        decision,
        cast(customers as bigint) as customers,
        cast(
            sum(customers) over (partition by audience_id)
            - sum(customers) over (
                partition by audience_id
                order by step
                rows between unbounded preceding and current row
            ) as bigint
        ) as customers_left
    from steps

)

select * from audience_waterfall
