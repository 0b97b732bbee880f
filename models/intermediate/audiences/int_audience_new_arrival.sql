with

products as (

    select * from {{ ref("stg_products") }}

),

favourites as (

    select * from {{ ref("int_segment_favourites") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

new_products as (

    select *
    from products
    where
        launched_at < {{ as_of_moment() }}
        and launched_at >= {{ days_ago("arrival_news_days") }}

),

fans as (

    select favourites.*
    from favourites
    inner join tiers
        on
            favourites.customer_id = tiers.customer_id
            and tiers.tier_rank > 0

),

owned as (

    select distinct
        order_lines.customer_id,
        order_lines.product_id
    from order_lines
    inner join new_products on order_lines.product_id = new_products.product_id
    where order_lines.customer_id is not null

),

int_audience_new_arrival as (

    select
        fans.customer_id,
        new_products.product_id as subject_id,
        new_products.launched_at as occurred_at,
        {{ days_after("new_products.launched_at", "arrival_news_days") }} as expires_at,
        {{ merge_fields(
            product_id="new_products.product_id", product_name="new_products.product_name",
            category="new_products.category", brand="new_products.brand",
            amount="new_products.list_price"
        ) }}
    from new_products
    inner join fans
        on
            new_products.brand = fans.favourite_brand
            or new_products.category = fans.favourite_category
    left join owned
        on
            fans.customer_id = owned.customer_id
            and new_products.product_id = owned.product_id
    where owned.customer_id is null

)

select * from int_audience_new_arrival
