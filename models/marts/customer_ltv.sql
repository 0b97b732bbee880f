with

customers as (

    select * from {{ ref("stg_customers") }}

),

margins as (

    select * from {{ ref("int_customer_margins") }}

),

projections as (

    select * from {{ ref("int_ltv_projections") }}
    where projected_on = {{ as_of_date() }}

),

signals as (

    select * from {{ ref("int_ltv_signals") }}
    where fit = 'tonight' and evaluated_on = {{ as_of_date() }}

),

lateness as (

    select * from {{ ref("int_customer_lateness") }}

),

rising_stars as (

    select * from {{ ref("int_rising_stars") }}

),

limits as (

    select
        {{ parameter("p_alive_at_risk") }} as p_alive_at_risk,
        {{ parameter("p_alive_lost") }} as p_alive_lost,
        {{ parameter("overdue_watch") }} as overdue_watch,
        {{ parameter("overdue_at_risk") }} as overdue_at_risk,
        {{ parameter("lapsed_overdue_ratio") }} as lapsed_lateness

),

-- The worse of two signs: what the model thinks, and the customer's own rhythm.
risks as (

    select
        lateness.customer_id,
        case
            when
                lateness.lateness_ratio >= limits.lapsed_lateness
                or projections.p_alive < limits.p_alive_lost
                then 'lapsed'
            when
                lateness.lateness_ratio >= limits.overdue_at_risk
                or projections.p_alive < limits.p_alive_at_risk
                then 'at_risk'
            when lateness.lateness_ratio >= limits.overdue_watch then 'watch'
            when coalesce(lateness.lateness_ratio, projections.p_alive) is not null then 'low'
        end as churn_risk
    from lateness
    cross join limits
    left join projections on lateness.customer_id = projections.customer_id

),

customer_ltv as (

    select
        {{ as_of_date() }} as as_of_date,
        customers.customer_id,
        customers.is_test,
        projections.method,
        projections.p_alive,
        projections.expected_orders_12m,
        projections.expected_margin_per_order,
        projections.projected_ltv_12m,
        projections.projected_ltv_12m_low,
        projections.projected_ltv_12m_high,
        projections.projected_ltv_24m,
        projections.projected_ltv_24m_low,
        projections.projected_ltv_24m_high,
        nullif(signals.value_signal, 'unknown') as value_signal,
        nullif(signals.category_signal, 'unknown') as category_signal,
        nullif(signals.engagement_signal, 'unknown') as engagement_signal,
        margins.cm3_lifetime,
        lateness.usual_gap_days,
        lateness.lateness_ratio,
        risks.churn_risk,
        rising_stars.customer_id is not null as is_rising_star
    from customers
    inner join margins on customers.customer_id = margins.customer_id
    left join projections on customers.customer_id = projections.customer_id
    left join signals on customers.customer_id = signals.customer_id
    left join lateness on customers.customer_id = lateness.customer_id
    left join risks on customers.customer_id = risks.customer_id
    left join rising_stars on customers.customer_id = rising_stars.customer_id

)

select * from customer_ltv
