with

histories as (

    select * from {{ ref("int_customer_histories") }}

),

categories as (

    select * from {{ ref("int_customer_categories") }}

),

site_events as (

    select * from {{ ref("stg_site_events") }}

),

-- A feed that a brand does not have says nothing of anybody.
category_feed as (

    select count(*) > 0 as is_known
    from categories

),

site_feed as (

    select count(*) > 0 as is_known
    from site_events

),

dates as (

    select distinct evaluated_on
    from histories

),

-- A category that came later than the first order, within the year before the date.
expansions as (

    select distinct
        histories.fitted_on,
        histories.fit,
        histories.evaluated_on,
        histories.customer_id
    from histories
    inner join categories on histories.customer_id = categories.customer_id
    where
        cast(categories.first_bought_at as date) > histories.first_ordered_on
        and cast(categories.first_bought_at as date) < histories.evaluated_on
        and cast(categories.first_bought_at as date)
        >= {{ date_plus("histories.evaluated_on", -12, "month") }}

),

engagements as (

    select distinct
        dates.evaluated_on,
        site_events.customer_id
    from site_events
    inner join dates
        on
            cast(site_events.occurred_at as date) < dates.evaluated_on
            and cast(site_events.occurred_at as date)
            >= {{ date_plus(
                "dates.evaluated_on", "-" ~ parameter("signal_window_days"), "day"
            ) }}

),

values_of_orders as (

    select
        *,
        {{ ratio("margin_6m", "order_days_6m") }} as recent,
        {{ ratio("(margin - margin_6m)", "(order_days - order_days_6m)") }} as earlier
    from histories

),

int_ltv_signals as (

    select
        values_of_orders.fitted_on,
        values_of_orders.fit,
        values_of_orders.evaluated_on,
        values_of_orders.customer_id,
        case
            when values_of_orders.recent is null or values_of_orders.earlier is null
                then 'unknown'
            when
                values_of_orders.recent - values_of_orders.earlier
                > abs(values_of_orders.earlier) * {{ parameter("ltv_signal_trend") }}
                then 'rising'
            when
                values_of_orders.earlier - values_of_orders.recent
                > abs(values_of_orders.earlier) * {{ parameter("ltv_signal_trend") }}
                then 'falling'
            else 'level'
        end as value_signal,
        case
            when expansions.customer_id is not null then 'expanding'
            when category_feed.is_known then 'as_before'
            else 'unknown'
        end as category_signal,
        case
            when engagements.customer_id is not null then 'engaged'
            when site_feed.is_known then 'silent'
            else 'unknown'
        end as engagement_signal
    from values_of_orders
    cross join category_feed
    cross join site_feed
    left join expansions
        on
            values_of_orders.fitted_on = expansions.fitted_on
            and values_of_orders.fit = expansions.fit
            and values_of_orders.evaluated_on = expansions.evaluated_on
            and values_of_orders.customer_id = expansions.customer_id
    left join engagements
        on
            values_of_orders.evaluated_on = engagements.evaluated_on
            and values_of_orders.customer_id = engagements.customer_id

)

select * from int_ltv_signals
