with

orders as (

    select * from {{ ref("stg_orders") }}

),

-- An order on terms is judged once it is paid or its day has gone by.
judged_orders as (

    select
        customer_id,
        ordered_at,
        paid_at is null as is_unpaid,
        greatest(
            {{ days_between("due_at", "coalesce(paid_at, " ~ as_of_date() ~ ")") }}, 0
        ) as days_late
    from orders
    where
        customer_id is not null
        and due_at is not null
        and status <> 'cancelled'
        and (paid_at is not null or {{ is_before_as_of("due_at") }})

),

window_orders as (

    select
        *,
        {{ is_in_last_months("ordered_at", 12) }} as is_in_window
    from judged_orders

),

int_customer_payments as (

    select
        customer_id,
        {{ ratio(
            "sum(case when is_in_window and days_late = 0 then 1 else 0 end)",
            "sum(case when is_in_window then 1 else 0 end)",
        ) }} as on_time_payment_share_12m,
        avg(case when is_in_window then days_late end) as payment_days_late_12m,
        cast(sum(case when is_unpaid and days_late > 0 then 1 else 0 end) as bigint)
            as overdue_orders
    from window_orders
    group by customer_id

)

select * from int_customer_payments
