with

methods as (

    select * from {{ ref("int_ltv_methods") }}
    where fitted_on = {{ as_of_date() }}

),

buying_fits as (

    select * from {{ ref("stg_buying_fits") }}

),

value_fits as (

    select * from {{ ref("stg_value_fits") }}

),

ltv_backtests as (

    select
        {{ as_of_date() }} as as_of_date,
        methods.method,
        methods.is_chosen,
        methods.reason,
        methods.evaluated_on as split_on,
        methods.horizon_months,
        methods.customers,
        methods.predicted_orders,
        methods.actual_orders,
        methods.predicted_margin,
        methods.actual_margin,
        methods.total_error,
        methods.calibration_error,
        methods.mean_absolute_error,
        methods.root_mean_squared_error,
        methods.error_against_baseline,
        buying_fits.repeat_customers,
        buying_fits.r,
        buying_fits.alpha,
        buying_fits.a,
        buying_fits.b,
        buying_fits.is_at_bound,
        value_fits.p,
        value_fits.q,
        value_fits.gamma,
        value_fits.margin_frequency_correlation,
        {{ ratio("value_fits.customers_without_margin", "value_fits.repeat_customers") }}
            as without_margin_share
    from methods
    left join buying_fits
        on
            methods.fitted_on = buying_fits.fitted_on
            and buying_fits.fit = 'tonight'
            and methods.method <> 'baseline'
    left join value_fits
        on
            methods.fitted_on = value_fits.fitted_on
            and value_fits.fit = 'tonight'
            and methods.method = 'mbg_nbd_gamma_gamma'

)

select * from ltv_backtests
