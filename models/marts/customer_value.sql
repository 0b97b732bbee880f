with

customers as (

    select * from {{ ref("stg_customers") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

margins as (

    select * from {{ ref("int_customer_margins") }}

),

qualifying_spend as (

    select * from {{ ref("int_customer_qualifying_spend") }}

),

trends as (

    select * from {{ ref("int_customer_trends") }}

),

rhythm as (

    select * from {{ ref("int_customer_rhythm") }}

),

baskets as (

    select * from {{ ref("int_customer_baskets") }}

),

margin_standing as (

    select * from {{ ref("int_customer_margin_standing") }}

),

service_load as (

    select * from {{ ref("int_customer_service_load") }}

),

payments as (

    select * from {{ ref("int_customer_payments") }}

),

advocacy as (

    select * from {{ ref("int_customer_advocacy") }}

),

rfm as (

    select * from {{ ref("int_customer_rfm") }}

),

customer_value as (

    select
        {{ as_of_date() }} as as_of_date,
        customers.customer_id,
        customers.is_test,
        -- orders
        orders.first_order_at,
        orders.last_order_at,
        cast(coalesce(orders.orders_lifetime, 0) as bigint) as orders_lifetime,
        cast(coalesce(orders.orders_12m, 0) as bigint) as orders_12m,
        cast(coalesce(orders.orders_6m, 0) as bigint) as orders_6m,
        cast(coalesce(orders.orders_3m, 0) as bigint) as orders_3m,
        cast(coalesce(orders.orders_90d, 0) as bigint) as orders_90d,
        {{ days_between("orders.last_order_at", as_of_date()) }} as recency_days,
        {{ days_between("orders.first_order_at", as_of_date()) }} as tenure_days,
        -- rhythm
        rhythm.purchase_interval_days,
        rhythm.overdue_ratio,
        rhythm.frequency_acceleration,
        trends.order_rate_trend_6m,
        trends.order_rate_trend_3m,
        -- revenue
        margins.net_revenue_lifetime,
        trends.net_revenue_per_year,
        margins.net_revenue_12m,
        {{ money("coalesce(trends.net_revenue_6m, 0)") }} as net_revenue_6m,
        {{ money("coalesce(trends.net_revenue_3m, 0)") }} as net_revenue_3m,
        trends.revenue_trend_6m,
        trends.revenue_trend_3m,
        margins.gross_revenue_12m,
        margins.discount_amount_12m,
        margins.refund_amount_12m,
        coalesce(qualifying_spend.qualifying_spend, 0) as qualifying_spend,
        trends.average_order_value_12m,
        trends.average_order_value_6m,
        trends.average_order_value_3m,
        trends.order_value_trend_6m,
        trends.order_value_trend_3m,
        {{ ratio("margins.refund_amount_12m", "margins.order_revenue_12m") }} as return_rate_12m,
        -- what is in the basket
        {{ ratio("margins.discount_amount_12m", "margins.gross_revenue_12m") }}
            as discount_share_12m,
        baskets.full_price_share_12m,
        baskets.high_margin_share_12m,
        baskets.categories_lifetime,
        baskets.categories_12m,
        baskets.categories_6m,
        baskets.categories_3m,
        baskets.new_categories_12m,
        -- the way from net revenue to what a customer earns
        margins.cost_of_goods_12m,
        margins.restocked_cost_12m,
        margins.cm1_12m,
        margins.net_shipping_cost_12m,
        margins.payment_fee_12m,
        margins.return_cost_12m,
        margins.cm2_12m,
        margins.sms_cost_12m,
        margins.benefit_cost_12m,
        margins.support_cost_12m,
        margins.cm3_12m,
        margins.cm1_lifetime,
        margins.cm2_lifetime,
        margins.cm3_lifetime,
        -- what serving costs, and what would be missed
        margin_standing.cost_to_serve_12m,
        margin_standing.cost_to_serve_rate_12m,
        margin_standing.margin_rank_12m,
        margin_standing.revenue_rank_12m,
        margin_standing.margin_percentile_12m,
        margin_standing.is_revenue_only,
        margin_standing.margin_at_risk_12m,
        -- support
        service_load.tickets_12m,
        service_load.support_minutes_12m,
        service_load.support_minutes_per_order_12m,
        service_load.support_time_share_12m,
        service_load.margin_share_12m,
        service_load.is_support_heavy,
        service_load.is_quiet_regular,
        -- payment
        payments.on_time_payment_share_12m,
        payments.payment_days_late_12m,
        payments.overdue_orders,
        -- advocacy, apart from spend
        advocacy.nps_latest,
        advocacy.referrals_lifetime,
        advocacy.reviews_lifetime,
        advocacy.social_shares_lifetime,
        advocacy.advocacy_score,
        advocacy.is_high_profile,
        -- rfm
        rfm.rfm_recency,
        rfm.rfm_frequency,
        rfm.rfm_monetary,
        rfm.rfm_score,
        rfm.rfm_segment,
        rfm.rfm_segment_before,
        rfm.rfm_segment_since
    from customers
    inner join margins on customers.customer_id = margins.customer_id
    inner join margin_standing on customers.customer_id = margin_standing.customer_id
    inner join service_load on customers.customer_id = service_load.customer_id
    inner join advocacy on customers.customer_id = advocacy.customer_id
    left join orders on customers.customer_id = orders.customer_id
    left join qualifying_spend on customers.customer_id = qualifying_spend.customer_id
    left join trends on customers.customer_id = trends.customer_id
    left join rhythm on customers.customer_id = rhythm.customer_id
    left join baskets on customers.customer_id = baskets.customer_id
    left join payments on customers.customer_id = payments.customer_id
    left join rfm on customers.customer_id = rfm.customer_id

)

select * from customer_value
