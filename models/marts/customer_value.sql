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
        cast(coalesce(orders.orders_90d, 0) as bigint) as orders_90d,
        {{ days_between("orders.last_order_at", as_of_date()) }} as recency_days,
        {{ days_between("orders.first_order_at", as_of_date()) }} as tenure_days,
        -- revenue
        margins.net_revenue_lifetime,
        margins.net_revenue_12m,
        margins.gross_revenue_12m,
        margins.refund_amount_12m,
        coalesce(qualifying_spend.qualifying_spend, 0) as qualifying_spend,
        {{ money_of_double(ratio("margins.order_revenue_12m", "orders.orders_12m")) }}
            as average_order_value_12m,
        {{ ratio("margins.refund_amount_12m", "margins.order_revenue_12m") }} as return_rate_12m,
        {{ ratio("margins.discount_amount_12m", "margins.gross_revenue_12m") }}
            as discount_share_12m,
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
        -- rfm
        rfm.rfm_recency,
        rfm.rfm_frequency,
        rfm.rfm_monetary,
        rfm.rfm_score,
        rfm.rfm_segment
    from customers
    inner join margins on customers.customer_id = margins.customer_id
    left join orders on customers.customer_id = orders.customer_id
    left join qualifying_spend on customers.customer_id = qualifying_spend.customer_id
    left join rfm on customers.customer_id = rfm.customer_id

)

select * from customer_value
