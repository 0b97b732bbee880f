with

histories as (

    select * from {{ ref("int_customer_histories") }}

),

repeat_buyers as (

    select
        fitted_on,
        fit,
        repeat_orders,
        {{ money_of_double(ratio("repeat_margin", "repeat_orders")) }} as mean_margin
    from histories
    where repeat_orders > 0 and not is_test and evaluated_on <= fitted_on

),

-- Steps of two percent are far finer than the estimates; who earned nothing has a step apart.
steps as (

    select
        fitted_on,
        fit,
        repeat_orders,
        mean_margin,
        case
            when mean_margin > 0 then cast(floor(ln(cast(mean_margin as double)) * 50) as int)
        end as margin_step
    from repeat_buyers

),

int_margin_counts as (

    select
        fitted_on,
        fit,
        repeat_orders,
        margin_step,
        count(*) as customers,
        {{ ratio("sum(mean_margin)", "count(*)") }} as mean_margin
    from steps
    group by fitted_on, fit, repeat_orders, margin_step

)

select * from int_margin_counts
