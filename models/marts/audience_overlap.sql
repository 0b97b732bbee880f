with

decisions as (

    select
        audience_id,
        customer_id,
        decision
    from {{ ref("audience_decisions") }}

),

audience_overlap as (

    select
        {{ as_of_date() }} as as_of_date,
        one.audience_id,
        other.audience_id as other_audience_id,
        count(*) as customers,
        cast(
            sum(case when one.decision = 'member' and other.decision = 'member' then 1 else 0 end)
            as bigint
        ) as members
    from decisions as one
    inner join decisions as other
        on
            one.customer_id = other.customer_id
            and one.audience_id < other.audience_id
    group by one.audience_id, other.audience_id

)

select * from audience_overlap
