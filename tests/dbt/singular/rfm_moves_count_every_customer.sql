-- Failure means that tonight's movements between segments do not count each real customer once.
with

moves as (

    select sum(customers) as customers
    from {{ ref("rfm_migrations") }}
    where evaluated_on = as_of_date

),

customers as (

    select count(*) as customers
    from {{ ref("customer_value") }}
    where
        orders_lifetime > 0
        and not is_test

)

select
    customers.customers as expected,
    moves.customers as observed
from customers
cross join moves
where customers.customers <> coalesce(moves.customers, 0)
