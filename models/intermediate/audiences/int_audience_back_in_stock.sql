with

site_events as (

    select * from {{ ref("stg_site_events") }}

),

inventory_events as (

    select * from {{ ref("stg_inventory_events") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

asked as (

    select
        customer_id,
        product_id,
        max(occurred_at) as asked_at
    from site_events
    where event_type = 'back_in_stock_request' and product_id is not null
    group by customer_id, product_id

),

stock as (

    select
        product_id,
        event_type,
        occurred_at,
        row_number() over (
            partition by product_id
            -- At the same instant it is gone.
            order by occurred_at desc, event_type desc
        ) as recency
    from inventory_events

),

bought as (

    select distinct
        asked.customer_id,
        asked.product_id
    from asked
    inner join order_lines
        on
            asked.customer_id = order_lines.customer_id
            and asked.product_id = order_lines.product_id
            and asked.asked_at <= order_lines.ordered_at

),

int_audience_back_in_stock as (

    select
        asked.customer_id,
        asked.product_id || '/' || cast(cast(stock.occurred_at as date) as {{ dbt.type_string() }})
            as subject_id,
        stock.occurred_at,
        {{ days_after("stock.occurred_at", "stock_news_days") }} as expires_at,
        {{ merge_fields(
            product_id="asked.product_id", product_name="products.product_name",
            category="products.category", brand="products.brand", amount="products.list_price"
        ) }}
    from asked
    inner join stock
        on
            asked.product_id = stock.product_id
            and asked.asked_at < stock.occurred_at
    left join products on asked.product_id = products.product_id
    left join bought
        on
            asked.customer_id = bought.customer_id
            and asked.product_id = bought.product_id
    where
        stock.recency = 1
        -- The last word on the shelf counts: what is gone again is not offered.
        and stock.event_type = 'back_in_stock'
        and bought.customer_id is null

)

select * from int_audience_back_in_stock
