with

histories as (

    select * from {{ ref("int_customer_histories") }}

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

order_brackets as (

    select * from {{ ref("stg_order_brackets") }}

),

-- A fit looks equally far from every date that it scores.
horizons as (

    select distinct
        fitted_on,
        fit,
        horizon_months
    from dates

),

brackets as (

    select
        order_brackets.fitted_on,
        order_brackets.fit,
        order_brackets.repeat_orders,
        order_brackets.age_weeks,
        {%- for column in ["orders_if_alive", "discounted_orders_if_alive"] %}
        max(
            case
                when order_brackets.horizon_months = horizons.horizon_months
                    then order_brackets.{{ column }}
            end
        ) as {{ column }},
        {%- endfor %}
        max(
            case
                when order_brackets.horizon_months = 24
                    then order_brackets.discounted_orders_if_alive
            end
        ) as discounted_orders_if_alive_24m
    from order_brackets
    inner join horizons
        on
            order_brackets.fitted_on = horizons.fitted_on
            and order_brackets.fit = horizons.fit
    group by
        order_brackets.fitted_on,
        order_brackets.fit,
        order_brackets.repeat_orders,
        order_brackets.age_weeks

),

scored as (

    select
        histories.*,
        horizons.horizon_months,
        {{ nearest_week("histories.age_days") }} as age_weeks,
        {{ nearest_week("histories.days_to_last_order") }} as weeks_to_last_order,
        {{ probability_alive(
            "histories.repeat_orders",
            "histories.days_to_last_order",
            "histories.age_days",
            "buying_fits",
        ) }} as p_alive,
        -- Without a spread of its own (q of 1 or less) the mean of all customers is infinite.
        case
            when value_fits.q > 1
                then {{ expected_margin(
                    "histories.repeat_orders", "histories.repeat_margin", "value_fits"
                ) }}
        end as shrunk_margin
    from histories
    inner join horizons
        on
            histories.fitted_on = horizons.fitted_on
            and histories.fit = horizons.fit
    left join buying_fits
        on
            histories.fitted_on = buying_fits.fitted_on
            and histories.fit = buying_fits.fit
    left join value_fits
        on
            histories.fitted_on = value_fits.fitted_on
            and histories.fit = value_fits.fit

),

int_ltv_estimates as (

    select
        scored.fitted_on,
        scored.fit,
        scored.evaluated_on,
        scored.customer_id,
        scored.is_test,
        scored.horizon_months,
        scored.repeat_orders,
        scored.age_weeks,
        scored.weeks_to_last_order,
        scored.order_days,
        scored.margin,
        {{ ratio("scored.repeat_margin", "scored.repeat_orders") }} as mean_repeat_margin,
        scored.p_alive,
        scored.p_alive * brackets.orders_if_alive as expected_orders,
        scored.p_alive * brackets.discounted_orders_if_alive as discounted_orders,
        scored.p_alive * brackets.discounted_orders_if_alive_24m as discounted_orders_24m,
        scored.shrunk_margin,
        {{ ratio("scored.margin", "scored.order_days") }} as own_margin,
        -- The baseline: what the last twelve months brought, they bring again.
        scored.order_days_12m,
        {{ ratio("scored.margin_12m", "scored.order_days_12m") }} as margin_per_order_12m
    from scored
    left join brackets
        on
            scored.fitted_on = brackets.fitted_on
            and scored.fit = brackets.fit
            and scored.repeat_orders = brackets.repeat_orders
            and scored.age_weeks = brackets.age_weeks

)

select * from int_ltv_estimates
