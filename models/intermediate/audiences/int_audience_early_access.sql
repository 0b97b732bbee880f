with

windows as (

    select * from {{ ref("int_early_access_windows") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_early_access as (

    select
        tiers.customer_id,
        windows.campaign_id as subject_id,
        windows.opens_at as occurred_at,
        windows.closes_at as expires_at,
        {{ merge_fields(
            campaign_id="windows.campaign_id", campaign_name="windows.campaign_name",
            quantity="windows.hours", due_on="cast(windows.closes_at as date)"
        ) }}
    from windows
    inner join tiers on windows.tier = tiers.tier
    -- A window that opens in the course of the day is told this night: the next is too late.
    where
        windows.opens_at < {{ moment_of(date_plus(as_of_date(), 1, "day")) }}
        and windows.closes_at > {{ as_of_moment() }}

)

select * from int_audience_early_access
