with

customers as (

    select * from {{ ref("customer_value") }}

),

int_audience_milestone_purchase as (

    select
        customer_id,
        cast(orders_lifetime as {{ dbt.type_string() }}) as subject_id,
        last_order_at as occurred_at,
        {{ days_after("last_order_at", "milestone_news_days") }} as expires_at,
        {{ merge_fields(quantity="orders_lifetime") }}
    from customers
    where
        orders_lifetime > 0
        and mod(orders_lifetime, cast({{ parameter("milestone_orders") }} as bigint)) = 0

)

select * from int_audience_milestone_purchase
