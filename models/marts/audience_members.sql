with

decisions as (

    select * from {{ ref("audience_decisions") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

audience_members as (

    select
        decisions.as_of_date,
        decisions.audience_id,
        decisions.customer_id,
        decisions.contact_id,
        tiers.tier,
        tiers.tier_rank,
        cast(null as {{ dbt.type_timestamp() }}) as send_window_opens_at,
        cast(null as {{ dbt.type_timestamp() }}) as send_window_closes_at
    from decisions
    inner join tiers on decisions.customer_id = tiers.customer_id
    where decisions.decision = 'member'

)

select * from audience_members
