{%- set features = [
    "orders", "value", "discount", "category", "premium", "return", "engagement", "channel",
] %}
with

customers as (

    select * from {{ ref("stg_customers") }}

),

customer_orders as (

    select * from {{ ref("int_customer_orders") }}

),

orders as (

    select * from {{ ref("int_orders_costed") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

returns as (

    select * from {{ ref("int_returns_costed") }}

),

site_events as (

    select * from {{ ref("stg_site_events") }}

),

tier_history as (

    select * from {{ ref("tier_history") }}

),

data_starts as (

    select min(first_order_at) as data_start_at
    from customer_orders

),

-- An account older than the data had first days that nobody recorded.
firsts as (

    select
        customers.customer_id,
        customers.acquisition_channel,
        customer_orders.first_order_at,
        cast(customer_orders.first_order_at as date) as first_on
    from customers
    inner join customer_orders on customers.customer_id = customer_orders.customer_id
    cross join data_starts
    where
        not customers.is_test
        and (
            customers.created_at is null
            or cast(customers.created_at as date) >= cast(data_starts.data_start_at as date)
        )
        and {{ days_between("customer_orders.first_order_at", as_of_date()) }}
        >= {{ parameter("lookalike_window_days") }}

),

{%- set in_window = "< " ~ parameter("lookalike_window_days") %}

early_orders as (

    select
        firsts.customer_id,
        count(*) as orders,
        cast(sum(orders.net_revenue) as double) as net_revenue,
        -- A fifth off everything is a fifth, whatever the last digit of the quotient says.
        round(
            {{ ratio("sum(orders.discount_amount)", "sum(orders.gross_revenue)") }}, 4
        ) as discount_share
    from firsts
    inner join orders on firsts.customer_id = orders.customer_id
    where {{ days_between("firsts.first_on", "orders.ordered_at") }} {{ in_window }}
    group by firsts.customer_id

),

early_articles as (

    select
        firsts.customer_id,
        count(distinct products.category) as categories,
        max(case when products.is_premium then 1 when not products.is_premium then 0 end)
            as has_premium
    from firsts
    inner join order_lines on firsts.customer_id = order_lines.customer_id
    inner join products on order_lines.product_id = products.product_id
    where {{ days_between("firsts.first_on", "order_lines.ordered_at") }} {{ in_window }}
    group by firsts.customer_id

),

early_returns as (

    select
        firsts.customer_id,
        count(*) as return_count
    from firsts
    inner join returns on firsts.customer_id = returns.customer_id
    where {{ days_between("firsts.first_on", "returns.returned_at") }} {{ in_window }}
    group by firsts.customer_id

),

-- From the first order on: what came before it is not known of everybody.
early_events as (

    select
        firsts.customer_id,
        count(*) as events
    from firsts
    inner join site_events on firsts.customer_id = site_events.customer_id
    where
        site_events.occurred_at >= firsts.first_order_at
        and {{ days_between("firsts.first_on", "site_events.occurred_at") }} {{ in_window }}
    group by firsts.customer_id

),

-- Of whose first days were over before a feed began, it tells nothing.
feeds as (

    select
        (select min(returned_at) from returns) as returns_begin_at,
        (select min(occurred_at) from site_events) as events_begin_at

),

means as (

    select avg(net_revenue) as net_revenue
    from early_orders

),

-- The ten commonest channels; the others are one.
channels as (

    select
        acquisition_channel,
        row_number() over (
            order by count(*) desc, acquisition_channel asc
        ) as place
    from firsts
    where acquisition_channel is not null
    group by acquisition_channel

),

first_tiers as (

    select
        customer_id,
        min(valid_from) as first_vip_on
    from tier_history
    where tier_rank > 0
    group by customer_id

),

-- Levels, so that customers alike can be counted together; ordered ones sort as text.
levels as (

    select
        firsts.customer_id,
        {{ days_between("firsts.first_on", as_of_date()) }} as days_known,
        {{ days_between("firsts.first_on", "first_tiers.first_vip_on") }} as days_to_vip,
        cast(least(early_orders.orders, 4) as {{ dbt.type_string() }}) as orders_level,
        case
            when early_orders.net_revenue < 0.5 * means.net_revenue then '1'
            when early_orders.net_revenue < means.net_revenue then '2'
            when early_orders.net_revenue < 2 * means.net_revenue then '3'
            when early_orders.net_revenue < 4 * means.net_revenue then '4'
            else '5'
        end as value_level,
        case
            when early_orders.discount_share >= 0.2 then 'most'
            when early_orders.discount_share > 0 then 'some'
            else 'none'
        end as discount_level,
        case
            when early_articles.categories > 0
                then cast(least(early_articles.categories, 3) as {{ dbt.type_string() }})
            else 'unknown'
        end as category_level,
        case early_articles.has_premium
            when 1 then 'yes'
            when 0 then 'no'
            else 'unknown'
        end as premium_level,
        case
            when early_returns.return_count > 0 then 'yes'
            when {{ days_between("firsts.first_on", "feeds.returns_begin_at") }} {{ in_window }}
                then 'no'
            else 'unknown'
        end as return_level,
        case
            when early_events.events >= 10 then '3'
            when early_events.events >= 3 then '2'
            when early_events.events > 0 then '1'
            when {{ days_between("firsts.first_on", "feeds.events_begin_at") }} {{ in_window }}
                then '0'
            else 'unknown'
        end as engagement_level,
        case
            when channels.place <= 10 then channels.acquisition_channel
            when channels.place > 10 then 'other'
            else 'unknown'
        end as channel_level
    from firsts
    cross join means
    cross join feeds
    inner join early_orders on firsts.customer_id = early_orders.customer_id
    left join early_articles on firsts.customer_id = early_articles.customer_id
    left join early_returns on firsts.customer_id = early_returns.customer_id
    left join early_events on firsts.customer_id = early_events.customer_id
    left join channels on firsts.acquisition_channel = channels.acquisition_channel
    left join first_tiers on firsts.customer_id = first_tiers.customer_id

),

-- Whether somebody became a VIP is known when the horizon has passed. Who was one within the first
-- days needs no forecast.
int_lookalike_profiles as (

    select
        customer_id,
        case
            when coalesce(days_to_vip <= {{ parameter("lookalike_window_days") }}, false)
                then 'early_vip'
            when
                days_known
                < {{ parameter("lookalike_window_days") }}
                + {{ parameter("lookalike_horizon_days") }}
                then 'open'
            when
                days_known
                < {{ parameter("lookalike_window_days") }}
                + {{ parameter("lookalike_horizon_days") }}
                + {{ parameter("lookalike_test_days") }}
                then 'later'
            else 'earlier'
        end as cohort,
        coalesce(
            days_to_vip
            <= {{ parameter("lookalike_window_days") }} + {{ parameter("lookalike_horizon_days") }},
            false
        ) as became_vip,
        {%- for feature in features %}
        {{ feature }}_level,
        {%- endfor %}
        {%- for feature in features %}
        {{ feature }}_level{{ " || '|' ||" if not loop.last }}
        {%- endfor %} as profile
    from levels

)

select * from int_lookalike_profiles
