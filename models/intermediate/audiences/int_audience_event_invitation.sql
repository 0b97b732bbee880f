with

campaigns as (

    select * from {{ ref("stg_campaigns") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_event_invitation as (

    select
        tiers.customer_id,
        campaigns.campaign_id as subject_id,
        campaigns.starts_at as occurred_at,
        campaigns.starts_at as expires_at,
        {{ merge_fields(
            campaign_id="campaigns.campaign_id", campaign_name="campaigns.campaign_name",
            due_on="cast(campaigns.starts_at as date)"
        ) }}
    from campaigns
    cross join tiers
    where
        campaigns.message_type in ('event_invitation')
        and tiers.tier_rank > 0
        and campaigns.starts_at > {{ as_of_moment() }}
        and campaigns.starts_at < {{ moment_of(
            date_plus(as_of_date(), parameter("invitation_days"), "day")
        ) }}

)

select * from int_audience_event_invitation
