with

purchase_days as (

    select * from {{ ref("int_product_purchase_days") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

stepped as (

    select
        customer_id,
        product_id,
        bought_on,
        lag(bought_on) over (
            partition by customer_id, product_id
            order by bought_on
        ) as bought_before_on,
        lag(units) over (
            partition by customer_id, product_id
            order by bought_on
        ) as units_before
    from purchase_days

),

int_product_gaps as (

    select
        stepped.customer_id,
        stepped.product_id,
        products.category,
        -- What was bought last time had to last until now.
        {{ ratio(
            days_between("stepped.bought_before_on", "stepped.bought_on"), "stepped.units_before"
        ) }} as days_per_unit
    from stepped
    left join products on stepped.product_id = products.product_id
    where stepped.bought_before_on is not null

)

select * from int_product_gaps
