with

spend as (

    select * from {{ ref("int_customer_qualifying_spend") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

margins as (

    select * from {{ ref("int_customer_margins") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

int_active_spend as (

    select
        spend.customer_id,
        spend.spend_12m,
        cast(coalesce(orders.orders_12m, 0) as bigint) as orders_12m,
        coalesce(margins.cm2_12m, 0) as cm2_12m
    from spend
    inner join customers on spend.customer_id = customers.customer_id
    left join margins on spend.customer_id = margins.customer_id
    left join orders on spend.customer_id = orders.customer_id
    where not customers.is_test and spend.spend_12m > 0

)

select * from int_active_spend
