with

histories as (

    select * from {{ ref("int_customer_histories") }}

),

int_history_counts as (

    select
        fit,
        repeat_orders,
        {{ nearest_week("days_to_last_order") }} as weeks_to_last_order,
        {{ nearest_week("age_days") }} as age_weeks,
        count(*) as customers
    from histories
    where not is_test
    group by
        fit,
        repeat_orders,
        {{ nearest_week("days_to_last_order") }},
        {{ nearest_week("age_days") }}

)

select * from int_history_counts
