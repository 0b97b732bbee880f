with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

-- Months back from tonight, 1 the latest; the policy says how many count.
months as (

    {%- for month in range(1, 25) %}
    select
        {{ month }} as months_ago,
        {{ date_plus(as_of_date(), -month, "month") }} as month_from,
        {{ date_plus(as_of_date(), 1 - month, "month") }} as month_until
    {{- " union all" if not loop.last }}
    {%- endfor %}

),

order_values as (

    select
        customer_days.customer_id,
        months.months_ago,
        {{ ratio("sum(customer_days.order_revenue)", "sum(customer_days.orders)") }} as order_value
    from customer_days
    inner join months
        on
            customer_days.activity_date >= months.month_from
            and customer_days.activity_date < months.month_until
    where months.months_ago <= {{ parameter("rising_star_months") }}
    group by customer_days.customer_id, months.months_ago
    having sum(customer_days.orders) > 0

),

steps as (

    select
        customer_id,
        months_ago,
        order_value,
        lag(order_value) over (
            partition by customer_id
            order by months_ago desc
        ) as earlier_value
    from order_values

),

int_rising_stars as (

    select
        customer_id,
        count(*) as months_with_orders
    from steps
    group by customer_id
    having
        count(*) >= {{ parameter("rising_star_months_with_orders") }}
        and sum(case when order_value <= earlier_value then 1 else 0 end) = 0
        and max(order_value) >= min(order_value) * (1 + {{ parameter("rising_star_growth") }})

)

select * from int_rising_stars
