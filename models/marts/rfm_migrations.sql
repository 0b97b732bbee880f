with

history as (

    select * from {{ ref("int_customer_rfm_history") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

evaluations as (

    select * from {{ ref("int_rfm_evaluations") }}

),

-- Whoever had not bought yet comes from no segment.
rfm_migrations as (

    select
        {{ as_of_date() }} as as_of_date,
        history.evaluated_on,
        coalesce(history.rfm_segment_before, 'none') as from_segment,
        history.rfm_segment as to_segment,
        cast(count(*) as bigint) as customers
    from history
    inner join customers on history.customer_id = customers.customer_id
    inner join evaluations on history.evaluated_on = evaluations.evaluated_on
    where
        evaluations.previous_evaluated_on is not null
        and not customers.is_test
    group by
        history.evaluated_on,
        coalesce(history.rfm_segment_before, 'none'),
        history.rfm_segment

)

select * from rfm_migrations
