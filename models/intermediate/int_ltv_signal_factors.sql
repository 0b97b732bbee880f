with

outcomes as (

    select * from {{ ref("int_ltv_outcomes") }}

),

predictions as (

    select
        fitted_on,
        half,
        value_signal,
        category_signal,
        engagement_signal,
        {{ money_of_double("expected_orders * own_margin") }} as predicted_margin,
        {{ money("actual_margin") }} as actual_margin
    from outcomes
    where expected_orders is not null and own_margin is not null

),

-- A half is judged by what the other one teaches; whoever comes after learns from both.
learned as (

    select
        *,
        case when half = 'first' then 'second' else 'first' end as applies_to
    from predictions

    union all

    select
        *,
        'tonight' as applies_to
    from predictions

),

levels as (

    select
        fitted_on,
        applies_to,
        value_signal,
        category_signal,
        engagement_signal,
        count(*) as customers,
        sum(predicted_margin) as predicted_margin,
        sum(actual_margin) as actual_margin
    from learned
    group by fitted_on, applies_to, value_signal, category_signal, engagement_signal

),

compared as (

    select
        *,
        sum(predicted_margin) over (partition by fitted_on, applies_to) as all_predicted,
        sum(actual_margin) over (partition by fitted_on, applies_to) as all_actual
    from levels

),

-- Against all customers together: signals tell who brings more, not how much there is.
relative as (

    select
        *,
        case
            when predicted_margin > 0 and all_predicted > 0 and all_actual > 0
                then
                    {{ ratio("actual_margin", "predicted_margin") }}
                    / ({{ ratio("all_actual", "all_predicted") }})
            else 1
        end as raw_factor
    from compared

),

-- A few customers teach little, and nobody is moved by more than the policy allows.
int_ltv_signal_factors as (

    select
        fitted_on,
        applies_to,
        value_signal,
        category_signal,
        engagement_signal,
        customers,
        least(
            greatest(
                (customers * raw_factor + {{ parameter("ltv_signal_prior_customers") }})
                / (customers + {{ parameter("ltv_signal_prior_customers") }}),
                1 / {{ parameter("ltv_signal_factor_most") }}
            ),
            {{ parameter("ltv_signal_factor_most") }}
        ) as factor
    from relative

)

select * from int_ltv_signal_factors
