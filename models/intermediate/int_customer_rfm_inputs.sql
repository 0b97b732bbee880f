with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

evaluations as (

    select * from {{ ref("int_rfm_evaluations") }}

),

measures as (

    select
        customer_id,
        activity_date,
        case when orders > 0 then activity_date end as ordered_on,
        case when orders > 0 then 1 else 0 end as order_days,
        order_revenue - refund_amount as net_revenue
    from customer_days

),

-- A day enters with the first evaluation after it and leaves with the first whose window begins
-- after it: two rows a day, however many months are looked at.
movements as (

    select
        measures.customer_id,
        evaluations.evaluated_on,
        measures.ordered_on,
        case
            when measures.activity_date >= evaluations.window_from then measures.order_days
            else 0
        end as order_days,
        case
            when measures.activity_date >= evaluations.window_from then measures.net_revenue
            else 0
        end as net_revenue
    from measures
    inner join evaluations
        on
            measures.activity_date < evaluations.evaluated_on
            and measures.activity_date
            >= coalesce(evaluations.previous_evaluated_on, cast('0001-01-01' as date))

    union all

    select
        measures.customer_id,
        evaluations.evaluated_on,
        cast(null as date) as ordered_on,
        -measures.order_days as order_days,
        -measures.net_revenue as net_revenue
    from measures
    inner join evaluations
        on
            measures.activity_date < evaluations.window_from
            and measures.activity_date >= evaluations.previous_window_from

),

changes as (

    select
        customer_id,
        evaluated_on,
        max(ordered_on) as ordered_on,
        sum(order_days) as order_days,
        sum(net_revenue) as net_revenue
    from movements
    group by customer_id, evaluated_on

),

running as (

    select
        customer_id,
        evaluated_on,
        max(ordered_on) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as last_ordered_on,
        sum(order_days) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as order_days,
        sum(net_revenue) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as net_revenue
    from changes

),

states as (

    select
        *,
        lag(last_ordered_on) over (
            partition by customer_id
            order by evaluated_on
        ) as last_ordered_on_before,
        lag(order_days) over (
            partition by customer_id
            order by evaluated_on
        ) as order_days_before,
        lead(evaluated_on) over (
            partition by customer_id
            order by evaluated_on
        ) as next_evaluated_on
    from running

),

-- A state lasts until the next change: only on its first evaluation is the one before another.
lasting as (

    select
        states.customer_id,
        evaluations.evaluated_on,
        evaluations.previous_evaluated_on,
        states.last_ordered_on,
        states.order_days,
        states.net_revenue,
        case
            when states.evaluated_on = evaluations.evaluated_on then states.last_ordered_on_before
            else states.last_ordered_on
        end as last_ordered_on_before,
        case
            when states.evaluated_on = evaluations.evaluated_on then states.order_days_before
            else states.order_days
        end as order_days_before
    from states
    inner join evaluations
        on
            states.evaluated_on <= evaluations.evaluated_on
            and (
                states.next_evaluated_on > evaluations.evaluated_on
                or states.next_evaluated_on is null
            )
    where states.last_ordered_on is not null

),

int_customer_rfm_inputs as (

    select
        customer_id,
        evaluated_on,
        {{ days_between("last_ordered_on", "evaluated_on") }} as recency_days,
        cast(order_days as bigint) as order_days,
        {{ money("net_revenue") }} as net_revenue,
        {{ days_between("last_ordered_on_before", "previous_evaluated_on") }}
            as recency_days_before,
        case when last_ordered_on_before is not null then cast(order_days_before as bigint) end
            as order_days_before
    from lasting

)

select * from int_customer_rfm_inputs
