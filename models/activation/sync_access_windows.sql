with

occurrences as (

    select * from {{ ref("audience_occurrences") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

-- Whether somebody may be texted is not asked: a code told on paper or by phone is as good.
sync_access_windows as (

    select
        {{ as_of_date() }} as as_of_date,
        occurrences.campaign_id,
        occurrences.customer_id,
        occurrences.audience_id,
        occurrences.campaign_name,
        tiers.tier,
        tiers.tier_rank,
        occurrences.occurred_at as opens_at,
        occurrences.expires_at as closes_at
    from occurrences
    inner join audiences
        on
            occurrences.audience_id = audiences.audience_id
            and audiences.has_code
    inner join tiers on occurrences.customer_id = tiers.customer_id

)

select * from sync_access_windows
