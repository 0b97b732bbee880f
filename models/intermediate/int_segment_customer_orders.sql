with

orders as (

    select * from {{ ref("int_orders_costed") }}

),

placed as (

    select
        customer_id,
        ordered_at,
        net_revenue,
        {{ days_between("ordered_at", as_of_date()) }} as days_ago
    from orders
    where customer_id is not null

),

-- Days ago counts from 1, yesterday: a window of n days holds those up to n.
int_segment_customer_orders as (

    select
        customer_id,
        {{ sum_in_last_months("1", "ordered_at", parameter("segment_window_months")) }} as orders,
        sum(case when days_ago <= {{ parameter("run_rate_days") }} then 1 else 0 end)
            as run_rate_orders,
        {{ money(
            "sum(case when days_ago <= " ~ parameter("run_rate_days")
            ~ " then net_revenue else 0 end)"
        ) }} as run_rate_revenue,
        min(case when days_ago > {{ parameter("won_back_days") }} then days_ago end)
        - max(case when days_ago <= {{ parameter("won_back_days") }} then days_ago end)
            as break_days
    from placed
    group by customer_id

)

select * from int_segment_customer_orders
