with

scores as (

    select * from {{ ref("int_ltv_backtest_scores") }}

),

dates as (

    select * from {{ ref("int_ltv_dates") }}

),

buying_fits as (

    select * from {{ ref("stg_buying_fits") }}

),

value_fits as (

    select * from {{ ref("stg_value_fits") }}

),

methods as (

    select
        'mbg_nbd_gamma_gamma' as method,
        1 as preference

    union all

    select
        'mbg_nbd_own_margin' as method,
        2 as preference

    union all

    select
        'mbg_nbd_by_signals' as method,
        3 as preference

    union all

    select
        'baseline' as method,
        4 as preference

),

days as (

    select distinct fitted_on
    from dates

),

-- Over both dates: a fit that is judged must be as sound as the one that is used.
buying as (

    select
        fitted_on,
        count(*) as fits,
        min(repeat_customers) as repeat_customers,
        max(case when is_at_bound then 1 else 0 end) as at_bound
    from buying_fits
    group by fitted_on

),

margins as (

    select
        fitted_on,
        count(*) as fits,
        max(case when is_at_bound or q <= 1 then 1 else 0 end) as unusable,
        max({{ ratio("customers_without_margin", "repeat_customers") }}) as share_without_margin,
        max(abs(margin_frequency_correlation)) as frequency_correlation
    from value_fits
    group by fitted_on

),

splits as (

    select
        fitted_on,
        evaluated_on,
        horizon_months
    from dates
    where fit = 'backtest'

),

deciles as (

    select
        fitted_on,
        method,
        decile,
        abs(sum(predicted_margin) - sum(actual_margin)) as error
    from scores
    group by fitted_on, method, decile

),

calibrations as (

    select
        fitted_on,
        method,
        sum(error) as calibration_error
    from deciles
    group by fitted_on, method

),

errors as (

    select
        fitted_on,
        method,
        count(*) as customers,
        {{ money("sum(predicted_orders)") }} as predicted_orders,
        cast(sum(actual_orders) as bigint) as actual_orders,
        {{ money("sum(predicted_margin)") }} as predicted_margin,
        {{ money("sum(actual_margin)") }} as actual_margin,
        {{ ratio("sum(abs(predicted_margin - actual_margin))", "count(*)") }}
            as mean_absolute_error,
        -- Squares as decimals: a sum of doubles hangs on its order.
        sqrt(
            {{ ratio(
                "sum(cast(power(cast(predicted_margin - actual_margin as double), 2)"
                ~ " as decimal(38, 2)))",
                "count(*)",
            ) }}
        ) as root_mean_squared_error
    from scores
    group by fitted_on, method

),

judged as (

    select
        days.fitted_on,
        methods.method,
        methods.preference,
        splits.evaluated_on,
        splits.horizon_months,
        errors.customers,
        errors.predicted_orders,
        errors.actual_orders,
        errors.predicted_margin,
        errors.actual_margin,
        {{ ratio("errors.predicted_margin - errors.actual_margin", "abs(errors.actual_margin)") }}
            as total_error,
        {{ ratio("calibrations.calibration_error", "abs(errors.actual_margin)") }}
            as calibration_error,
        errors.mean_absolute_error,
        errors.root_mean_squared_error,
        {{ ratio("errors.root_mean_squared_error", "baseline.root_mean_squared_error") }}
            as error_against_baseline,
        case
            when methods.method = 'baseline' then 'transparent'
            when coalesce(buying.fits, 0) = 0 then 'nobody_to_learn_from'
            when buying.repeat_customers < {{ parameter("ltv_repeat_customers_least") }}
                then 'too_few_repeat_customers'
            when buying.at_bound = 1 then 'estimates_at_bound'
            when splits.horizon_months is null or buying.fits < 2 then 'history_too_short'
            when methods.method = 'mbg_nbd_own_margin' then 'usable'
            when
                methods.method = 'mbg_nbd_by_signals'
                and coalesce(errors.customers, 0) < {{ parameter("ltv_signal_customers_least") }}
                then 'too_few_for_signals'
            when methods.method = 'mbg_nbd_by_signals' then 'usable'
            when coalesce(margins.fits, 0) < 2 or margins.unusable = 1 then 'margins_do_not_fit'
            when margins.share_without_margin > {{ parameter("ltv_without_margin_share") }}
                then 'margins_not_positive'
            when margins.frequency_correlation > {{ parameter("ltv_margin_frequency_correlation") }}
                then 'margin_goes_with_frequency'
            else 'usable'
        end as state
    from days
    cross join methods
    left join buying on days.fitted_on = buying.fitted_on
    left join margins on days.fitted_on = margins.fitted_on
    left join splits on days.fitted_on = splits.fitted_on
    left join errors
        on
            days.fitted_on = errors.fitted_on
            and methods.method = errors.method
    left join calibrations
        on
            days.fitted_on = calibrations.fitted_on
            and methods.method = calibrations.method
    left join errors as baseline
        on
            days.fitted_on = baseline.fitted_on
            and baseline.method = 'baseline'

),

-- A model must beat the baseline, and not by being wrong in sum.
ranked as (

    select
        *,
        case
            when state <> 'usable' then state
            when abs(total_error) > {{ parameter("ltv_total_error") }} then 'total_error_too_large'
            when coalesce(error_against_baseline, 1) >= 1 then 'baseline_is_closer'
            else 'beats_baseline'
        end as verdict
    from judged

),

candidates as (

    select
        *,
        row_number() over (
            partition by fitted_on
            order by
                case when verdict = 'beats_baseline' then 0 else 1 end asc,
                case when verdict = 'beats_baseline' then root_mean_squared_error end asc,
                case when verdict = 'transparent' then 0 else 1 end asc,
                preference asc
        ) as place
    from ranked

),

int_ltv_methods as (

    select
        fitted_on,
        method,
        preference,
        evaluated_on,
        horizon_months,
        customers,
        predicted_orders,
        actual_orders,
        predicted_margin,
        actual_margin,
        total_error,
        calibration_error,
        mean_absolute_error,
        root_mean_squared_error,
        error_against_baseline,
        place = 1 as is_chosen,
        case
            when place > 1 and verdict = 'beats_baseline' then 'another_is_closer'
            when place > 1 and verdict = 'transparent' then 'a_model_is_closer'
            when verdict = 'transparent' then 'no_model_is_usable_or_closer'
            else verdict
        end as reason
    from candidates

)

select * from int_ltv_methods
