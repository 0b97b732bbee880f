with

customers as (

    select * from {{ ref("stg_customers") }}

),

order_values as (

    select * from {{ ref("customer_value") }}

),

first_days as (

    select
        customer_id,
        'birthday' as kind,
        birth_date as first_on
    from customers
    where birth_date is not null

    union all

    select
        customer_id,
        'anniversary' as kind,
        cast(first_order_at as date) as first_on
    from order_values
    where first_order_at is not null

),

-- This year's, and last year's for the days after New Year.
years_back as (

    select 0 as years_ago
    union all
    select 1 as years_ago

),

spans as (

    select
        first_days.customer_id,
        first_days.kind,
        first_days.first_on,
        extract(year from {{ as_of_date() }})
        - extract(year from first_days.first_on)
        - years_back.years_ago as years
    from first_days
    cross join years_back

),

counted as (

    select
        customer_id,
        kind,
        cast(years as {{ dbt.type_int() }}) as years,
        {{ date_plus("first_on", "12 * years", "month") }} as day_on
    from spans

),

int_customer_yearly_days as (

    select
        customer_id,
        kind,
        years,
        day_on
    from counted
    where
        years > 0
        and day_on <= {{ as_of_date() }}
        and {{ date_plus("day_on", parameter("celebration_days"), "day") }} > {{ as_of_date() }}

)

select * from int_customer_yearly_days
