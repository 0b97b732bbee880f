-- Failure means that the ten tenths of a ranking hold a customer twice or not at all.
with

tenths as (

    select
        period,
        ranked_by,
        sum(customers) as customers,
        sum(net_revenue) as net_revenue
    from {{ ref("revenue_concentration") }}
    where band like 'decile_%'
    group by period, ranked_by

),

expected as (

    select
        '12m' as period,
        count(*) as customers,
        sum(net_revenue_12m) as net_revenue
    from {{ ref("customer_value") }}
    where
        orders_12m > 0
        and not is_test

    union all

    select
        'lifetime' as period,
        count(*) as customers,
        sum(net_revenue_lifetime) as net_revenue
    from {{ ref("customer_value") }}
    where
        orders_lifetime > 0
        and not is_test

)

select
    expected.period,
    tenths.ranked_by,
    expected.customers as expected_customers,
    tenths.customers as observed_customers,
    expected.net_revenue as expected_revenue,
    tenths.net_revenue as observed_revenue
from expected
inner join tenths on expected.period = tenths.period
where
    expected.customers <> tenths.customers
    or expected.net_revenue <> tenths.net_revenue
