with

site_events as (

    select * from {{ ref("stg_site_events") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

carts as (

    select
        customer_id,
        product_id,
        max(occurred_at) as added_at
    from site_events
    where event_type = 'add_to_cart' and product_id is not null
    group by customer_id, product_id

),

int_audience_cart as (

    select
        carts.customer_id,
        carts.product_id || '/' || cast(cast(carts.added_at as date) as {{ dbt.type_string() }})
            as subject_id,
        carts.added_at as occurred_at,
        {{ days_after("carts.added_at", "cart_days") }} as expires_at,
        {{ merge_fields(
            product_id="carts.product_id", product_name="products.product_name",
            category="products.category", brand="products.brand", amount="products.list_price"
        ) }}
    from carts
    inner join customers on carts.customer_id = customers.customer_id
    left join products on carts.product_id = products.product_id
    -- Whoever bought anything since has emptied the cart.
    where customers.last_order_at is null or customers.last_order_at < carts.added_at

)

select * from int_audience_cart
