with

customers as (

    select * from {{ ref("stg_customers") }}

),

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

site_events as (

    select * from {{ ref("stg_site_events") }}

),

surveys as (

    select * from {{ ref("stg_surveys") }}

),

loyalty_accounts as (

    select * from {{ ref("stg_loyalty_accounts") }}

),

high_profile_statuses as (

    select * from {{ ref("high_profile_statuses") }}

),

named_referrers as (

    select
        referred_by_customer_id as customer_id,
        count(*) as referred_customers
    from customers
    where
        referred_by_customer_id is not null
        and referred_by_customer_id <> customer_id
    group by referred_by_customer_id

),

events as (

    select
        customer_id,
        count(case when event_type = 'referral' then 1 end) as referrals,
        count(case when event_type = 'review' then 1 end) as reviews,
        count(case when event_type = 'social_share' then 1 end) as social_shares
    from site_events
    where event_type in ('referral', 'review', 'social_share')
    group by customer_id

),

answers as (

    select
        customer_id,
        score,
        row_number() over (
            partition by customer_id
            order by answered_at desc, survey_id desc
        ) as newest
    from surveys

),

latest_answers as (

    select
        customer_id,
        score
    from answers
    where newest = 1

),

-- A referral may be told by the one who made it and by the one who came of it: the longer list
-- counts.
evidence as (

    select
        customers.customer_id,
        latest_answers.score as nps_latest,
        case
            when feeds.has_referrals
                then greatest(
                    coalesce(named_referrers.referred_customers, 0), coalesce(events.referrals, 0)
                )
        end as referrals_lifetime,
        case when feeds.has_reviews then coalesce(events.reviews, 0) end as reviews_lifetime,
        case when feeds.has_social_shares then coalesce(events.social_shares, 0) end
            as social_shares_lifetime,
        feeds.has_referrals or feeds.has_reviews or feeds.has_social_shares or feeds.has_surveys
            as is_anything_known,
        case
            when feeds.has_loyalty_statuses
                then high_profile_statuses.loyalty_status is not null
        end as has_high_profile_status
    from customers
    cross join feeds
    left join named_referrers on customers.customer_id = named_referrers.customer_id
    left join events on customers.customer_id = events.customer_id
    left join latest_answers on customers.customer_id = latest_answers.customer_id
    left join loyalty_accounts on customers.customer_id = loyalty_accounts.customer_id
    left join high_profile_statuses
        on lower(loyalty_accounts.status) = high_profile_statuses.loyalty_status

),

points as (

    select
        *,
        coalesce(referrals_lifetime, 0) * {{ parameter("advocacy_points_referral") }}
        + coalesce(reviews_lifetime, 0) * {{ parameter("advocacy_points_review") }}
        + coalesce(social_shares_lifetime, 0) * {{ parameter("advocacy_points_social_share") }}
        + case
            when nps_latest >= {{ parameter("nps_promoter") }}
                then {{ parameter("advocacy_points_promoter") }}
            when nps_latest <= {{ parameter("nps_detractor") }}
                then -{{ parameter("advocacy_points_detractor") }}
            else 0
        end as advocacy_points
    from evidence

),

int_customer_advocacy as (

    select
        customer_id,
        nps_latest,
        referrals_lifetime,
        reviews_lifetime,
        social_shares_lifetime,
        case
            when is_anything_known
                then cast(
                    greatest(least(advocacy_points, {{ parameter("advocacy_points_limit") }}), 0)
                    as double
                )
        end as advocacy_score,
        case
            when has_high_profile_status then true
            when referrals_lifetime >= {{ parameter("high_profile_referrals") }} then true
            when has_high_profile_status is not null or referrals_lifetime is not null then false
        end as is_high_profile
    from points

)

select * from int_customer_advocacy
