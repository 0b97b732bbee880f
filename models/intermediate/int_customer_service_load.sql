with

customers as (

    select * from {{ ref("stg_customers") }}

),

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

margins as (

    select * from {{ ref("int_customer_margins") }}

),

support as (

    select * from {{ ref("int_customer_support") }}

),

payments as (

    select * from {{ ref("int_customer_payments") }}

),

loads as (

    select
        customers.customer_id,
        customers.is_test,
        margins.cm3_12m,
        coalesce(orders.orders_12m, 0) as orders_12m,
        payments.on_time_payment_share_12m,
        payments.overdue_orders,
        case when feeds.has_support_tickets then coalesce(support.tickets_12m, 0) end
            as tickets_12m,
        case when feeds.has_support_minutes then coalesce(support.support_minutes_12m, 0) end
            as support_minutes_12m,
        case when feeds.has_support_minutes then coalesce(support.support_minutes_lifetime, 0) end
            as support_minutes_lifetime
    from customers
    cross join feeds
    inner join margins on customers.customer_id = margins.customer_id
    left join orders on customers.customer_id = orders.customer_id
    left join support on customers.customer_id = support.customer_id
    left join payments on customers.customer_id = payments.customer_id

),

totals as (

    select
        sum(support_minutes_12m) as support_minutes,
        sum(case when cm3_12m > 0 then cm3_12m else 0 end) as margin
    from loads
    where not is_test

),

-- Minutes of those who ask for more, before one's own turn comes.
queue as (

    select
        customer_id,
        sum(support_minutes_12m) over (
            order by support_minutes_12m desc, customer_id asc
            rows between unbounded preceding and current row
        ) - support_minutes_12m as minutes_before
    from loads
    where
        not is_test
        and support_minutes_12m > 0

),

int_customer_service_load as (

    select
        loads.customer_id,
        loads.tickets_12m,
        cast(loads.support_minutes_12m as decimal(18, 4)) as support_minutes_12m,
        cast(loads.support_minutes_lifetime as decimal(18, 4)) as support_minutes_lifetime,
        {{ ratio("loads.support_minutes_12m", "loads.orders_12m") }}
            as support_minutes_per_order_12m,
        case
            when not loads.is_test
                then {{ ratio("loads.support_minutes_12m", "totals.support_minutes") }}
        end as support_time_share_12m,
        case when not loads.is_test then {{ ratio("loads.cm3_12m", "totals.margin") }} end
            as margin_share_12m,
        case
            when loads.support_minutes_12m is not null
                then coalesce(
                    queue.minutes_before
                    < totals.support_minutes * {{ parameter("support_heavy_time_share") }},
                    false
                )
        end as is_support_heavy,
        -- Pays, comes again, asks nothing; where nobody wrote down who asks, nobody can tell.
        case
            when loads.tickets_12m is not null
                then
                    loads.tickets_12m = 0
                    and loads.orders_12m >= {{ parameter("quiet_regular_orders") }}
                    and loads.cm3_12m > 0
                    and coalesce(loads.on_time_payment_share_12m, 1) = 1
                    and coalesce(loads.overdue_orders, 0) = 0
        end as is_quiet_regular
    from loads
    cross join totals
    left join queue on loads.customer_id = queue.customer_id

)

select * from int_customer_service_load
