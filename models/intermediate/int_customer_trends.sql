-- noqa: disable=layout.indent
-- The shorter windows are the same quotients; their loop is indented as what it writes.
with

customers as (

    select * from {{ ref("stg_customers") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

returns as (

    select * from {{ ref("int_customer_returns") }}

),

{% set windows = [12, 6, 3] -%}
{% set shorter_windows = [6, 3] -%}
windows as (

    select
        customers.customer_id,
        {%- for months in windows %}
        orders.orders_{{ months }}m,
        coalesce(orders.order_revenue_{{ months }}m, 0)
        - coalesce(returns.refund_amount_{{ months }}m, 0) as net_revenue_{{ months }}m,
        {{ money_of_double(
            ratio("orders.order_revenue_" ~ months ~ "m", "orders.orders_" ~ months ~ "m")
        ) }} as average_order_value_{{ months }}m,
        {%- endfor %}
        -- A rate over a year needs a customer of a year.
        {{ money_of_double(ratio(
            "365 * (coalesce(orders.order_revenue_lifetime, 0)"
            ~ " - coalesce(returns.refund_amount_lifetime, 0))",
            days_between("orders.first_order_at", as_of_date()),
        )) }} as net_revenue_per_year,
        orders.first_order_at
        < cast({{ date_plus(as_of_date(), -12, "month") }} as {{ dbt.type_timestamp() }})
            as is_older_than_window
    from customers
    left join orders on customers.customer_id = orders.customer_id
    left join returns on customers.customer_id = returns.customer_id

),

-- Of rates per year, 1 goes on as before; of order values, 1 is as large as before.
int_customer_trends as (

    select
        customer_id,
        case when is_older_than_window then net_revenue_per_year end as net_revenue_per_year,
        {%- for months in windows %}
        {{ money("net_revenue_" ~ months ~ "m") }} as net_revenue_{{ months }}m,
        average_order_value_{{ months }}m,
        {%- endfor %}
        {%- for months in shorter_windows %}
        {%- set per_year = 12 // months %}
        case
            when is_older_than_window
                then {{ ratio(per_year ~ " * orders_" ~ months ~ "m", "orders_12m") }}
        end as order_rate_trend_{{ months }}m,
        case
            when is_older_than_window and net_revenue_12m > 0
                then {{ ratio(per_year ~ " * net_revenue_" ~ months ~ "m", "net_revenue_12m") }}
        end as revenue_trend_{{ months }}m,
        case
            when orders_12m > orders_{{ months }}m
                then {{ ratio("average_order_value_" ~ months ~ "m", "average_order_value_12m") }}
        end as order_value_trend_{{ months }}m{{ "," if not loop.last }}
        {%- endfor %}
    from windows

)

select * from int_customer_trends
