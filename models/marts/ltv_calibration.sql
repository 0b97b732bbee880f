with

scores as (

    select * from {{ ref("int_ltv_backtest_scores") }}
    where fitted_on = {{ as_of_date() }}

),

ltv_calibration as (

    select
        {{ as_of_date() }} as as_of_date,
        method,
        cast(decile as bigint) as decile,
        count(*) as customers,
        {{ money("sum(predicted_orders)") }} as predicted_orders,
        cast(sum(actual_orders) as bigint) as actual_orders,
        {{ money("sum(predicted_margin)") }} as predicted_margin,
        {{ money("sum(actual_margin)") }} as actual_margin
    from scores
    group by method, decile

)

select * from ltv_calibration
