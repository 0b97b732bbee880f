with

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

days as (

    select
        customer_id,
        product_id,
        cast(ordered_at as date) as bought_on,
        sum(quantity) as units
    from order_lines
    where
        customer_id is not null
        and product_id is not null
        and {{ is_in_last_months("ordered_at", parameter("replenishment_window_months")) }}
    group by customer_id, product_id, cast(ordered_at as date)

),

stepped as (

    select
        *,
        lag(bought_on) over (
            partition by customer_id, product_id
            order by bought_on
        ) as bought_before_on,
        lag(units) over (
            partition by customer_id, product_id
            order by bought_on
        ) as units_before,
        lead(bought_on) over (
            partition by customer_id, product_id
            order by bought_on
        ) as bought_next_on
    from days

),

int_product_purchase_days as (

    select
        customer_id,
        product_id,
        bought_on,
        units,
        -- What was bought last time had to last until now.
        {{ ratio(days_between("bought_before_on", "bought_on"), "units_before") }}
            as days_per_unit,
        bought_next_on is null as is_latest
    from stepped

)

select * from int_product_purchase_days
