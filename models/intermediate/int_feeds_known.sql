with

orders as (

    select
        count(order_discount_amount) as discounts,
        count(coalesce(shipping_cost, shipping_revenue)) as shipping_amounts,
        count(payment_fee) as payment_fees
    from {{ ref("stg_orders") }}

),

order_lines as (

    select count(line_discount_amount) as discounts
    from {{ ref("stg_order_lines") }}

),

products as (

    select count(category) as categories
    from {{ ref("stg_products") }}

),

returns as (

    select
        count(*) as return_count,
        count(return_cost) as return_costs,
        count(case when order_line_id is not null then quantity end) as returned_quantities
    from {{ ref("stg_returns") }}

),

tickets as (

    select
        count(*) as tickets,
        count(handle_minutes) as timed_tickets
    from {{ ref("stg_support_tickets") }}

),

customers as (

    select count(referred_by_customer_id) as referred_customers
    from {{ ref("stg_customers") }}

),

site_events as (

    select
        count(case when event_type = 'referral' then 1 end) as referrals,
        count(case when event_type = 'review' then 1 end) as reviews,
        count(case when event_type = 'social_share' then 1 end) as social_shares
    from {{ ref("stg_site_events") }}
    where event_type in ('referral', 'review', 'social_share')

),

surveys as (

    select count(*) as surveys
    from {{ ref("stg_surveys") }}

),

loyalty_accounts as (

    select count(status) as statuses
    from {{ ref("stg_loyalty_accounts") }}

),

messages as (

    select count(*) as messages
    from {{ ref("stg_sms_messages") }}

),

redemptions as (

    select count(*) as redemptions
    from {{ ref("stg_benefit_redemptions") }}

),

int_feeds_known as (

    select
        orders.discounts + order_lines.discounts > 0 as has_discounts,
        orders.shipping_amounts > 0 as has_shipping_amounts,
        orders.payment_fees > 0 as has_payment_fees,
        products.categories > 0 as has_categories,
        returns.return_count > 0 as has_returns,
        returns.return_costs > 0 as has_return_costs,
        returns.returned_quantities > 0 as has_returned_quantities,
        messages.messages > 0 as has_messages,
        redemptions.redemptions > 0 as has_benefit_redemptions,
        tickets.tickets > 0 as has_support_tickets,
        tickets.timed_tickets > 0 as has_support_minutes,
        customers.referred_customers + site_events.referrals > 0 as has_referrals,
        site_events.reviews > 0 as has_reviews,
        site_events.social_shares > 0 as has_social_shares,
        surveys.surveys > 0 as has_surveys,
        loyalty_accounts.statuses > 0 as has_loyalty_statuses
    from orders
    cross join order_lines
    cross join products
    cross join returns
    cross join tickets
    cross join customers
    cross join site_events
    cross join surveys
    cross join loyalty_accounts
    cross join messages
    cross join redemptions

)

select * from int_feeds_known
