with

estimates as (

    select * from {{ ref("int_ltv_estimates") }}

),

signals as (

    select * from {{ ref("int_ltv_signals") }}

),

-- What came after the split is what is known tonight less what was known then.
int_ltv_outcomes as (

    select
        backtest.fitted_on,
        backtest.customer_id,
        case
            when {{ hash_bucket("'ltv'", "backtest.customer_id") }} < 0.5 then 'first'
            else 'second'
        end as half,
        signals.value_signal,
        signals.category_signal,
        signals.engagement_signal,
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
    inner join signals
        on
            backtest.fitted_on = signals.fitted_on
            and backtest.fit = signals.fit
            and backtest.evaluated_on = signals.evaluated_on
            and backtest.customer_id = signals.customer_id
    where backtest.fit = 'backtest' and not backtest.is_test

)

select * from int_ltv_outcomes
