with

estimates as (

    select * from {{ ref("int_ltv_estimates") }}

),

methods as (

    select * from {{ ref("int_ltv_methods") }}

),

signals as (

    select * from {{ ref("int_ltv_signals") }}
    where fit = 'tonight'

),

factors as (

    select * from {{ ref("int_ltv_signal_factors") }}
    where applies_to = 'tonight'

),

order_spreads as (

    select * from {{ ref("stg_order_spreads") }}

),

margin_spreads as (

    select * from {{ ref("stg_margin_spreads") }}

),

discounts as (

    select
        {{ discounted_months(12) }} / 12 as year_discount,
        {{ discounted_months(24) }} / 12 as two_years_discount

),

chosen as (

    select
        estimates.*,
        order_spreads.order_spread,
        two_years_spreads.order_spread as order_spread_24m,
        margin_spreads.weight_variance,
        margin_spreads.constant_variance,
        margin_spreads.covariance,
        discounts.year_discount,
        discounts.two_years_discount,
        methods.method,
        factors.factor
    from estimates
    inner join methods
        on
            estimates.fitted_on = methods.fitted_on
            and methods.is_chosen
    cross join discounts
    left join signals
        on
            methods.method = 'mbg_nbd_by_signals'
            and estimates.fitted_on = signals.fitted_on
            and estimates.evaluated_on = signals.evaluated_on
            and estimates.customer_id = signals.customer_id
    left join factors
        on
            signals.fitted_on = factors.fitted_on
            and signals.value_signal = factors.value_signal
            and signals.category_signal = factors.category_signal
            and signals.engagement_signal = factors.engagement_signal
    left join order_spreads
        on
            estimates.evaluated_on = {{ as_of_date() }}
            and estimates.repeat_orders = order_spreads.repeat_orders
            and estimates.weeks_to_last_order = order_spreads.weeks_to_last_order
            and estimates.age_weeks = order_spreads.age_weeks
            and order_spreads.horizon_months = 12
    left join order_spreads as two_years_spreads
        on
            estimates.evaluated_on = {{ as_of_date() }}
            and estimates.repeat_orders = two_years_spreads.repeat_orders
            and estimates.weeks_to_last_order = two_years_spreads.weeks_to_last_order
            and estimates.age_weeks = two_years_spreads.age_weeks
            and two_years_spreads.horizon_months = 24
    left join margin_spreads
        on
            estimates.evaluated_on = {{ as_of_date() }}
            and estimates.repeat_orders = margin_spreads.repeat_orders
    where estimates.fit = 'tonight'

),

of_method as (

    select
        evaluated_on,
        customer_id,
        repeat_orders,
        method,
        order_spread,
        order_spread_24m,
        case when method <> 'baseline' then p_alive end as p_alive,
        case
            when method = 'baseline' then cast(order_days_12m as double)
            else expected_orders
        end as expected_orders,
        case method
            when 'mbg_nbd_gamma_gamma' then shrunk_margin
            when 'mbg_nbd_own_margin' then own_margin
            -- Who has signs that the split knew nobody with is taken as they are.
            when 'mbg_nbd_by_signals' then own_margin * coalesce(factor, 1)
            else coalesce(margin_per_order_12m, own_margin)
        end as margin_per_order,
        case
            when method = 'baseline' then order_days_12m * year_discount
            else discounted_orders
        end as discounted_orders,
        case
            when method = 'baseline' then order_days_12m * two_years_discount
            else discounted_orders_24m
        end as discounted_orders_24m,
        -- The square of half the interval's width; a customer's own mean is taken as it is.
        case
            when method = 'mbg_nbd_gamma_gamma'
                then
                    weight_variance * power(coalesce(mean_repeat_margin, 0), 2)
                    + 2 * covariance * coalesce(mean_repeat_margin, 0)
                    + constant_variance
            when method in ('mbg_nbd_own_margin', 'mbg_nbd_by_signals') then 0
        end as margin_variance
    from chosen

),

projected as (

    select
        *,
        discounted_orders * margin_per_order as projected_ltv_12m,
        discounted_orders_24m * margin_per_order as projected_ltv_24m,
        {{ half_width("discounted_orders", "order_spread") }} as half_width_12m,
        {{ half_width("discounted_orders_24m", "order_spread_24m") }} as half_width_24m
    from of_method

),

int_ltv_projections as (

    select
        evaluated_on as projected_on,
        customer_id,
        method,
        p_alive,
        expected_orders as expected_orders_12m,
        {{ money_of_double("margin_per_order") }} as expected_margin_per_order,
        {{ money_of_double("projected_ltv_12m") }} as projected_ltv_12m,
        {{ money_of_double("projected_ltv_12m - half_width_12m") }} as projected_ltv_12m_low,
        {{ money_of_double("projected_ltv_12m + half_width_12m") }} as projected_ltv_12m_high,
        {{ money_of_double("projected_ltv_24m") }} as projected_ltv_24m,
        {{ money_of_double("projected_ltv_24m - half_width_24m") }} as projected_ltv_24m_low,
        {{ money_of_double("projected_ltv_24m + half_width_24m") }} as projected_ltv_24m_high
    from projected

)

select * from int_ltv_projections
