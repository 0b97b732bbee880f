with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

evaluations as (

    select * from {{ ref("int_rfm_evaluations") }}

),

-- Few dates and few evaluations are laid side by side, so that the many days of customers find
-- theirs by a key.
dates as (

    select distinct activity_date
    from customer_days

),

-- A day enters with the first evaluation after it and leaves with the first whose window begins
-- after it.
date_evaluations as (

    select
        dates.activity_date,
        min(
            case
                when evaluations.evaluated_on > dates.activity_date then evaluations.evaluated_on
            end
        ) as enters_on,
        min(
            case
                when evaluations.window_from > dates.activity_date then evaluations.evaluated_on
            end
        ) as leaves_on
    from dates
    cross join evaluations
    group by dates.activity_date

),

measures as (

    select
        customer_days.customer_id,
        date_evaluations.enters_on,
        date_evaluations.leaves_on,
        coalesce(date_evaluations.leaves_on = date_evaluations.enters_on, false) as is_too_old,
        case when customer_days.orders > 0 then customer_days.activity_date end as ordered_on,
        case when customer_days.orders > 0 then 1 else 0 end as order_days,
        customer_days.order_revenue - customer_days.refund_amount as net_revenue
    from customer_days
    inner join date_evaluations on customer_days.activity_date = date_evaluations.activity_date
    where date_evaluations.enters_on is not null

),

-- Two rows a day, however many months are looked at. What is too old leaves no more than its date.
movements as (

    select
        customer_id,
        enters_on as evaluated_on,
        ordered_on,
        case when is_too_old then 0 else order_days end as order_days,
        case when is_too_old then 0 else net_revenue end as net_revenue
    from measures

    union all

    select
        customer_id,
        leaves_on as evaluated_on,
        cast(null as date) as ordered_on,
        -order_days as order_days,
        -net_revenue as net_revenue
    from measures
    where
        leaves_on is not null
        and not is_too_old

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

states as (

    select
        customer_id,
        evaluated_on,
        order_days as order_days_changed,
        max(ordered_on) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as last_ordered_on,
        max(ordered_on) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and 1 preceding
        ) as last_ordered_on_before,
        sum(order_days) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as order_days,
        sum(net_revenue) over (
            partition by customer_id
            order by evaluated_on
            rows between unbounded preceding and current row
        ) as net_revenue,
        coalesce(
            lead(evaluated_on) over (
                partition by customer_id
                order by evaluated_on
            ),
            {{ date_plus(as_of_date(), 1, "day") }}
        ) as next_evaluated_on
    from changes

),

ends as (

    select evaluated_on as ends_on
    from evaluations

    union distinct

    select {{ date_plus(as_of_date(), 1, "day") }} as ends_on

),

-- A state lasts until the next change.
spans as (

    select
        began.evaluated_on as starts_on,
        ends.ends_on,
        evaluations.evaluated_on,
        evaluations.previous_evaluated_on,
        evaluations.evaluated_on = began.evaluated_on as is_change
    from evaluations as began
    inner join ends on began.evaluated_on < ends.ends_on
    inner join evaluations
        on
            began.evaluated_on <= evaluations.evaluated_on
            and ends.ends_on > evaluations.evaluated_on

),

lasting as (

    select
        states.customer_id,
        spans.evaluated_on,
        spans.previous_evaluated_on,
        states.last_ordered_on,
        states.order_days,
        states.net_revenue,
        case
            when spans.is_change then states.last_ordered_on_before
            else states.last_ordered_on
        end as last_ordered_on_before,
        case
            when spans.is_change then states.order_days - states.order_days_changed
            else states.order_days
        end as order_days_before
    from states
    inner join spans
        on
            states.evaluated_on = spans.starts_on
            and states.next_evaluated_on = spans.ends_on
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
