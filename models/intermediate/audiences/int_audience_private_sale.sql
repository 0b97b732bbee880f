with

campaigns as (

    select * from {{ ref("stg_campaigns") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_private_sale as (

    select
        tiers.customer_id,
        campaigns.campaign_id as subject_id,
        campaigns.starts_at as occurred_at,
        coalesce(
            campaigns.ends_at,
            {{ days_after("campaigns.starts_at", "sale_days") }}
        ) as expires_at,
        {{ merge_fields(
            campaign_id="campaigns.campaign_id", campaign_name="campaigns.campaign_name",
            due_on="cast(campaigns.ends_at as date)"
        ) }}
    from campaigns
    cross join tiers
    where
        campaigns.message_type in ('private_sale', 'drop', 'limited_bundle', 'beta', 'holiday')
        and tiers.tier_rank > 0
        and campaigns.starts_at < {{ moment_of(date_plus(as_of_date(), 1, "day")) }}
        and coalesce(
            campaigns.ends_at, {{ days_after("campaigns.starts_at", "sale_days") }}
        ) > {{ as_of_moment() }}

)

select * from int_audience_private_sale
