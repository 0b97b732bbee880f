with

site_events as (

    select * from {{ ref("stg_site_events") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

views as (

    select
        customer_id,
        product_id,
        max(occurred_at) as viewed_at
    from site_events
    where
        event_type = 'product_view'
        and product_id is not null
        and occurred_at >= {{ days_ago("view_memory_days") }}
    group by customer_id, product_id

),

view_days as (

    select distinct
        product_id,
        cast(viewed_at as date) as viewed_on
    from views

),

-- Raw data holds today's price only: what it was is what others paid before discounts.
daily_prices as (

    select
        product_id,
        cast(ordered_at as date) as sold_on,
        max({{ ratio("gross_revenue", "quantity") }}) as price
    from order_lines
    where
        product_id is not null
        and ordered_at >= {{ days_ago("price_memory_days") }}
    group by product_id, cast(ordered_at as date)

),

last_prices as (

    select
        view_days.product_id,
        view_days.viewed_on,
        daily_prices.price,
        row_number() over (
            partition by view_days.product_id, view_days.viewed_on
            order by daily_prices.sold_on desc
        ) as recency
    from view_days
    inner join daily_prices
        on
            view_days.product_id = daily_prices.product_id
            and view_days.viewed_on >= daily_prices.sold_on

),

int_audience_price_drop as (

    select
        views.customer_id,
        views.product_id || '/' || cast(products.list_price as {{ dbt.type_string() }})
            as subject_id,
        views.viewed_at as occurred_at,
        {{ days_after("views.viewed_at", "view_memory_days") }} as expires_at,
        {{ merge_fields(
            product_id="views.product_id", product_name="products.product_name",
            category="products.category", brand="products.brand", amount="products.list_price"
        ) }}
    from views
    inner join products on views.product_id = products.product_id
    inner join last_prices
        on
            views.product_id = last_prices.product_id
            and cast(views.viewed_at as date) = last_prices.viewed_on
            and last_prices.recency = 1
    where products.list_price <= last_prices.price * (1 - {{ parameter("price_drop_share") }})

)

select * from int_audience_price_drop
