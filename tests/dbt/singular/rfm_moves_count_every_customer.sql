-- Failure means that the movements between segments of some month, or of tonight, do not count each
-- real customer who had bought by then once.
with

moves as (

    select
        evaluated_on,
        sum(customers) as customers
    from {{ ref("rfm_migrations") }}
    group by evaluated_on

),

first_days as (

    select
        cast(first_order_at as date) as first_on,
        count(*) as customers
    from {{ ref("customer_value") }}
    where
        orders_lifetime > 0
        and not is_test
    group by cast(first_order_at as date)

),

-- Where people stood before the first evaluation nobody knows: it has no movements.
known as (

    select
        evaluations.evaluated_on,
        sum(first_days.customers) as customers
    from {{ ref("int_rfm_evaluations") }} as evaluations
    inner join first_days on evaluations.evaluated_on > first_days.first_on
    where evaluations.previous_evaluated_on is not null
    group by evaluations.evaluated_on

)

select
    known.evaluated_on,
    known.customers as expected,
    moves.customers as observed
from known
left join moves on known.evaluated_on = moves.evaluated_on
where known.customers <> coalesce(moves.customers, 0)
