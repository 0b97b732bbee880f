with

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

dates as (

    select * from {{ ref("int_ltv_dates") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

windows as (

    select
        *,
        {{ date_plus("evaluated_on", -12, "month") }} as year_from,
        {{ date_plus("evaluated_on", -6, "month") }} as half_year_from
    from dates

),

first_days as (

    select
        customer_id,
        min(ordered_on) as first_ordered_on
    from margin_days
    where orders > 0
    group by customer_id

),

-- Orders of one day are one; what is booked on or after the date is not known on it.
histories as (

    select
        windows.fitted_on,
        windows.fit,
        windows.evaluated_on,
        margin_days.customer_id,
        first_days.first_ordered_on,
        max(case when margin_days.orders > 0 then margin_days.ordered_on end) as last_ordered_on,
        sum(case when margin_days.orders > 0 then 1 else 0 end) as order_days,
        sum(
            case
                when margin_days.orders > 0 and margin_days.ordered_on >= windows.year_from then 1
                else 0
            end
        ) as order_days_12m,
        sum(
            case
                when margin_days.orders > 0 and margin_days.ordered_on >= windows.half_year_from
                    then 1
                else 0
            end
        ) as order_days_6m,
        sum(margin_days.margin) as margin,
        sum(
            case
                when margin_days.ordered_on > first_days.first_ordered_on then margin_days.margin
                else 0
            end
        ) as repeat_margin,
        sum(
            case when margin_days.booked_on >= windows.year_from then margin_days.margin else 0 end
        ) as margin_12m,
        sum(
            case
                when margin_days.ordered_on >= windows.half_year_from then margin_days.margin
                else 0
            end
        ) as margin_6m
    from margin_days
    inner join first_days on margin_days.customer_id = first_days.customer_id
    inner join windows on margin_days.booked_on < windows.evaluated_on
    where first_days.first_ordered_on < windows.evaluated_on
    group by
        windows.fitted_on,
        windows.fit,
        windows.evaluated_on,
        margin_days.customer_id,
        first_days.first_ordered_on

),

int_customer_histories as (

    select
        histories.fitted_on,
        histories.fit,
        histories.evaluated_on,
        histories.customer_id,
        customers.is_test,
        histories.first_ordered_on,
        histories.last_ordered_on,
        cast(histories.order_days as bigint) as order_days,
        cast(histories.order_days - 1 as bigint) as repeat_orders,
        {{ days_between("histories.first_ordered_on", "histories.last_ordered_on") }}
            as days_to_last_order,
        {{ days_between("histories.first_ordered_on", "histories.evaluated_on") }} as age_days,
        cast(histories.order_days_12m as bigint) as order_days_12m,
        cast(histories.order_days_6m as bigint) as order_days_6m,
        {{ money("histories.margin") }} as margin,
        -- A refund that names no order is of the only one there is.
        {{ money("case when histories.order_days > 1 then histories.repeat_margin else 0 end") }}
            as repeat_margin,
        {{ money("histories.margin_12m") }} as margin_12m,
        {{ money("histories.margin_6m") }} as margin_6m
    from histories
    inner join customers on histories.customer_id = customers.customer_id

)

select * from int_customer_histories
