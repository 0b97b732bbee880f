with

site_events as (

    select * from {{ ref("stg_site_events") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

events as (

    select
        site_events.customer_id,
        site_events.event_type,
        site_events.duration_seconds,
        products.is_premium
    from site_events
    left join products on site_events.product_id = products.product_id
    where site_events.occurred_at >= {{ days_ago("signal_window_days") }}

),

int_segment_engagement as (

    select
        customer_id,
        sum(case when event_type = 'session' then 1 else 0 end) as sessions,
        cast(sum(case when event_type = 'session' then duration_seconds end) as double) / 60
            as session_minutes,
        sum(case when event_type = 'product_view' then 1 else 0 end) as product_views,
        {{ ratio(
            "sum(case when event_type = 'product_view' and is_premium then 1 else 0 end)",
            "sum(case when event_type = 'product_view' and is_premium is not null"
            ~ " then 1 else 0 end)"
        ) }} as premium_view_share,
        sum(case when event_type = 'review' then 1 else 0 end) as reviews,
        sum(case when event_type = 'referral' then 1 else 0 end) as referrals,
        sum(case when event_type = 'social_share' then 1 else 0 end) as social_shares,
        sum(case when event_type = 'event_attended' then 1 else 0 end) as events_attended
    from events
    group by customer_id

)

select * from int_segment_engagement
