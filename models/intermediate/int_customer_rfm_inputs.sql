with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

evaluations as (

    select
        evaluated_on,
        {{ date_plus("evaluated_on", "-" ~ parameter("rfm_window_months"), "month") }}
            as window_from
    from (
        select {{ as_of_date() }} as evaluated_on
        union
        select {{ period_start(as_of_date(), "month") }} as evaluated_on
    ) as dates

),

int_customer_rfm_inputs as (

    select
        customer_days.customer_id,
        evaluations.evaluated_on,
        {{ days_between(
            "max(case when customer_days.orders > 0 then customer_days.activity_date end)",
            "evaluations.evaluated_on",
        ) }} as recency_days,
        sum(case when customer_days.orders > 0 then 1 else 0 end) as order_days,
        {{ money("sum(customer_days.order_revenue - customer_days.refund_amount)") }} as net_revenue
    from customer_days
    inner join evaluations
        on
            customer_days.activity_date < evaluations.evaluated_on
            and customer_days.activity_date >= evaluations.window_from
    group by customer_days.customer_id, evaluations.evaluated_on
    having sum(customer_days.orders) > 0

)

select * from int_customer_rfm_inputs
