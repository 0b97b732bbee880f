with

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

history as (

    select min(ordered_on) as began_on
    from margin_days
    where orders > 0

),

-- As far back as the policy says, but never over more than half of what there is to learn from.
backtest as (

    select
        cast(
            least(
                {{ parameter("ltv_backtest_months") }},
                floor({{ days_between("began_on", as_of_date()) }} / 61)
            ) as int
        ) as horizon_months
    from history
    where began_on is not null

),

int_ltv_dates as (

    select
        'tonight' as fit,
        {{ as_of_date() }} as evaluated_on,
        12 as horizon_months

    union all

    select
        'backtest' as fit,
        {{ date_plus(as_of_date(), "-horizon_months", "month") }} as evaluated_on,
        horizon_months
    from backtest
    where horizon_months >= {{ parameter("ltv_backtest_months_least") }}

)

select * from int_ltv_dates
