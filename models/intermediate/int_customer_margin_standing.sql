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

rhythm as (

    select * from {{ ref("int_customer_rhythm") }}

),

ranked as (

    select
        margins.customer_id,
        count(*) over () as customer_count,
        cast(rank() over (order by margins.cm3_12m desc) as bigint) as margin_rank_12m,
        cast(rank() over (order by margins.net_revenue_12m desc) as bigint) as revenue_rank_12m,
        cume_dist() over (order by margins.cm3_12m) as margin_percentile_12m
    from margins
    inner join customers on margins.customer_id = customers.customer_id
    inner join orders on margins.customer_id = orders.customer_id
    where
        orders.orders_12m > 0
        and not customers.is_test

),

-- Nobody is missed within their own interval; from there to the multiple at which a customer is as
-- good as gone, more and more of the margin is at risk.
risks as (

    select
        customer_id,
        case
            when overdue_ratio is not null
                then least(
                    greatest(
                        {{ ratio(
                            "(overdue_ratio - 1)",
                            "(" ~ parameter("lapsed_overdue_ratio") ~ " - 1)",
                        ) }},
                        0
                    ),
                    1
                )
        end as share_at_risk
    from rhythm

),

costs as (

    select
        *,
        {{ sum_of_known(
            ["return_cost_12m", "sms_cost_12m", "benefit_cost_12m", "support_cost_12m"]
        ) }} as cost_to_serve_12m
    from margins

),

int_customer_margin_standing as (

    select
        costs.customer_id,
        {{ money("costs.cost_to_serve_12m") }} as cost_to_serve_12m,
        {{ ratio("costs.cost_to_serve_12m", "costs.order_revenue_12m") }}
            as cost_to_serve_rate_12m,
        ranked.margin_rank_12m,
        ranked.revenue_rank_12m,
        ranked.margin_percentile_12m,
        ranked.revenue_rank_12m <= ranked.customer_count * {{ parameter("vip_share_high") }}
        and ranked.margin_rank_12m > ranked.customer_count * {{ parameter("vip_share_high") }}
            as is_revenue_only,
        {{ money_of_double("risks.share_at_risk * greatest(costs.cm3_12m, 0)") }}
            as margin_at_risk_12m
    from costs
    left join ranked on costs.customer_id = ranked.customer_id
    left join risks on costs.customer_id = risks.customer_id

)

select * from int_customer_margin_standing
