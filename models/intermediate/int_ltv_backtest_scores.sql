with

estimates as (

    select * from {{ ref("int_ltv_estimates") }}

),

-- What came after the split is what is known tonight less what was known then.
outcomes as (

    select
        backtest.fitted_on,
        backtest.customer_id,
        tonight.order_days - backtest.order_days as actual_orders,
        tonight.margin - backtest.margin as actual_margin,
        backtest.expected_orders,
        backtest.shrunk_margin,
        backtest.own_margin,
        backtest.order_days_12m * backtest.horizon_months / 12.0e0 as baseline_orders,
        coalesce(backtest.margin_per_order_12m, 0) as baseline_margin
    from estimates as backtest
    inner join estimates as tonight
        on
            backtest.fitted_on = tonight.fitted_on
            and backtest.customer_id = tonight.customer_id
            and tonight.fit = 'tonight'
            and tonight.fitted_on = tonight.evaluated_on
    where backtest.fit = 'backtest' and not backtest.is_test

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
