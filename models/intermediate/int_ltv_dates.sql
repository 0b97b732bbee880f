with

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

tier_projections as (

    select distinct asked_on as projected_on
    from {{ ref("int_tier_metric_dates") }}
    where kind = 'projection'

),

history as (

    select min(ordered_on) as began_on
    from margin_days
    where orders > 0

),

-- Tonight, and every day on which a tier was or will be held against a projection.
days as (

    select {{ as_of_date() }} as fitted_on

    union

    select projected_on as fitted_on
    from tier_projections
    where projected_on <= {{ as_of_date() }}

),

-- As far back as the policy says, but never over more than half of what there is to learn from.
backtests as (

    select
        days.fitted_on,
        cast(
            least(
                {{ parameter("ltv_backtest_months") }},
                floor({{ days_between("history.began_on", "days.fitted_on") }} / 61)
            ) as int
        ) as horizon_months
    from days
    cross join history
    where history.began_on is not null

),

int_ltv_dates as (

    select
        fitted_on,
        'tonight' as fit,
        fitted_on as evaluated_on,
        12 as horizon_months
    from days

    union all

    select
        fitted_on,
        'backtest' as fit,
        {{ date_plus("fitted_on", "-horizon_months", "month") }} as evaluated_on,
        horizon_months
    from backtests
    where horizon_months >= {{ parameter("ltv_backtest_months_least") }}

    union all

    -- Days to come are scored by tonight's fit, with no further orders.
    select
        {{ as_of_date() }} as fitted_on,
        'tonight' as fit,
        projected_on as evaluated_on,
        12 as horizon_months
    from tier_projections
    where projected_on > {{ as_of_date() }}

)

select * from int_ltv_dates
