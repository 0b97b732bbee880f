with

outcomes as (

    select * from {{ ref("int_ltv_outcomes") }}

),

factors as (

    select * from {{ ref("int_ltv_signal_factors") }}

),

predictions as (

    select
        'mbg_nbd_gamma_gamma' as method,
        fitted_on,
        customer_id,
        actual_orders,
        actual_margin,
        expected_orders as predicted_orders,
        expected_orders * shrunk_margin as predicted_margin
    from outcomes

    union all

    select
        'mbg_nbd_own_margin' as method,
        fitted_on,
        customer_id,
        actual_orders,
        actual_margin,
        expected_orders as predicted_orders,
        expected_orders * own_margin as predicted_margin
    from outcomes

    union all

    -- Each half is predicted by what the other half taught.
    select
        'mbg_nbd_by_signals' as method,
        outcomes.fitted_on,
        outcomes.customer_id,
        outcomes.actual_orders,
        outcomes.actual_margin,
        outcomes.expected_orders as predicted_orders,
        outcomes.expected_orders * outcomes.own_margin * coalesce(factors.factor, 1)
            as predicted_margin
    from outcomes
    left join factors
        on
            outcomes.fitted_on = factors.fitted_on
            and outcomes.half = factors.applies_to
            and outcomes.value_signal = factors.value_signal
            and outcomes.category_signal = factors.category_signal
            and outcomes.engagement_signal = factors.engagement_signal

    union all

    select
        'baseline' as method,
        fitted_on,
        customer_id,
        actual_orders,
        actual_margin,
        baseline_orders as predicted_orders,
        baseline_orders * baseline_margin as predicted_margin
    from outcomes

),

rounded as (

    select
        method,
        fitted_on,
        customer_id,
        cast(actual_orders as bigint) as actual_orders,
        {{ money("actual_margin") }} as actual_margin,
        {{ money_of_double("predicted_orders") }} as predicted_orders,
        {{ money_of_double("predicted_margin") }} as predicted_margin
    from predictions
    where predicted_margin is not null

),

int_ltv_backtest_scores as (

    select
        *,
        ntile(10) over (
            partition by method, fitted_on
            order by predicted_margin desc, customer_id asc
        ) as decile
    from rounded

)

select * from int_ltv_backtest_scores
