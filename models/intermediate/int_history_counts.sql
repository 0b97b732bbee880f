with

histories as (

    select * from {{ ref("int_customer_histories") }}

),

-- A test account's history is scored like any other: it is there, and weighs nothing.
int_history_counts as (

    select
        fitted_on,
        fit,
        repeat_orders,
        {{ nearest_week("days_to_last_order") }} as weeks_to_last_order,
        {{ nearest_week("age_days") }} as age_weeks,
        cast(sum(case when is_test then 0 else 1 end) as bigint) as customers
    from histories
    where evaluated_on <= fitted_on
    group by
        fitted_on,
        fit,
        repeat_orders,
        {{ nearest_week("days_to_last_order") }},
        {{ nearest_week("age_days") }}

)

select * from int_history_counts
