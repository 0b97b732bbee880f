with

customers as (

    select * from {{ ref("customer_value") }}

),

profiles as (

    select * from {{ ref("stg_customers") }}

),

evidence as (

    select * from {{ ref("int_segment_evidence") }}

),

behaviours as (

    select * from {{ ref("int_segment_behaviours") }}

),

buying_times as (

    select * from {{ ref("int_segment_buying_times") }}

),

browsing as (

    select * from {{ ref("int_segment_browsing") }}

),

engagement as (

    select * from {{ ref("int_segment_engagement") }}

),

early_signals as (

    select * from {{ ref("int_segment_early_signals") }}

),

care as (

    select * from {{ ref("int_segment_care") }}

),

lifecycle as (

    select * from {{ ref("int_customer_lifecycle") }}

),

attention as (

    select * from {{ ref("int_customer_attention") }}

),

potential as (

    select * from {{ ref("int_customer_potential") }}

),

-- Where a feed is absent nobody is content or indifferent: it is not known.
feeds as (

    select
        (select count(*) from engagement) > 0 as has_engagement,
        (select count(*) from care) > 0 as has_care

),

described as (

    select
        customers.customer_id,
        customers.is_test,
        evidence.orders as window_orders,
        evidence.relative_spend,
        evidence.trend_lines,
        evidence.trend_line_share,
        evidence.discounted_share,
        evidence.price_index,
        evidence.favourite_category,
        evidence.category_count,
        evidence.top_category_share,
        evidence.top_category_lift,
        evidence.favourite_brand,
        evidence.top_brand_share,
        evidence.top_brand_lift,
        behaviours.behaviour_segment,
        behaviours.behaviours_shown,
        lifecycle.lifecycle_stage,
        lifecycle.vip_since,
        lifecycle.usual_gap_days,
        lifecycle.lateness_ratio,
        attention.attention_band,
        case
            when profiles.region_code is null then profiles.country_code
            when profiles.country_code is null then profiles.region_code
            else profiles.country_code || '-' || profiles.region_code
        end as region,
        coalesce(early_signals.early_points, case when feeds.has_engagement then 0 end)
            as early_points,
        early_signals.early_signals,
        case when feeds.has_care then coalesce(care.care_points, 0) end as care_points,
        care.care_signals
    from customers
    cross join feeds
    inner join profiles on customers.customer_id = profiles.customer_id
    inner join lifecycle on customers.customer_id = lifecycle.customer_id
    inner join attention on customers.customer_id = attention.customer_id
    left join evidence on customers.customer_id = evidence.customer_id
    left join behaviours on customers.customer_id = behaviours.customer_id
    left join early_signals on customers.customer_id = early_signals.customer_id
    left join care on customers.customer_id = care.customer_id

),

customer_segments as (

    select
        {{ as_of_date() }} as as_of_date,
        described.customer_id,
        described.is_test,
        -- who they are to the shop
        described.behaviour_segment,
        described.behaviours_shown,
        described.lifecycle_stage,
        described.attention_band,
        case
            when described.window_orders >= {{ parameter("preference_min_orders") }}
                then case
                    when
                        described.discounted_share
                        <= {{ parameter("discount_insensitive_share") }}
                        then 'insensitive'
                    when
                        described.discounted_share
                        < {{ parameter("discount_dependent_share") }}
                        then 'occasional'
                    when described.discounted_share is not null then 'dependent'
                end
        end as discount_sensitivity,
        coalesce(described.favourite_category, 'unknown')
        || ' / ' || coalesce(described.behaviour_segment, 'unknown')
        || ' / ' || coalesce(described.region, 'unknown')
        || ' / ' || described.lifecycle_stage as micro_segment,
        described.region,
        -- what they like
        described.favourite_category,
        described.favourite_brand,
        case
            when described.price_index < {{ parameter("price_band_low") }} then 'value'
            when described.price_index < {{ parameter("price_band_high") }} then 'middle'
            when described.price_index is not null then 'premium'
        end as price_band,
        buying_times.preferred_hour,
        buying_times.preferred_weekday,
        buying_times.time_zone as preferred_time_zone,
        buying_times.preferred_sales_channel,
        buying_times.preferred_device,
        browsing.product_id as browsed_not_bought_product_id,
        browsing.category as browsed_not_bought_category,
        -- what stands behind it
        cast(coalesce(described.window_orders, 0) as bigint) as window_orders,
        described.relative_spend,
        cast(described.trend_lines as bigint) as trend_lines,
        described.trend_line_share,
        described.discounted_share,
        described.price_index,
        cast(described.category_count as bigint) as category_count,
        described.top_category_share,
        described.top_category_lift,
        described.top_brand_share,
        described.top_brand_lift,
        described.vip_since,
        described.usual_gap_days,
        described.lateness_ratio,
        -- what they could become, and what they need
        potential.projected_spend_12m,
        potential.is_potential_vip,
        potential.is_inactive_high_potential,
        cast(described.early_points as bigint) as early_points,
        described.early_signals,
        described.early_points >= {{ parameter("early_signals_needed") }} as has_early_signals,
        cast(described.care_points as bigint) as care_points,
        described.care_signals,
        described.care_points >= {{ parameter("care_points_needed") }} as needs_care
    from described
    inner join potential on described.customer_id = potential.customer_id
    left join buying_times on described.customer_id = buying_times.customer_id
    left join browsing on described.customer_id = browsing.customer_id

)

select * from customer_segments
