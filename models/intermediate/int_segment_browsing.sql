with

site_events as (

    select * from {{ ref("stg_site_events") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

looks as (

    select
        customer_id,
        product_id,
        min(occurred_at) as first_look_at,
        max(occurred_at) as last_look_at,
        count(*) as looks,
        max(case when event_type = 'add_to_cart' then 1 else 0 end) as was_in_cart
    from site_events
    where
        event_type in ('product_view', 'add_to_cart')
        and product_id is not null
        and occurred_at >= {{ days_ago("browsed_window_days") }}
    group by customer_id, product_id

),

purchases as (

    select
        order_lines.customer_id,
        order_lines.product_id,
        products.category,
        max(order_lines.ordered_at) as last_bought_at
    from order_lines
    left join products on order_lines.product_id = products.product_id
    where
        order_lines.customer_id is not null
        and order_lines.ordered_at >= {{ days_ago("browsed_window_days") }}
    group by order_lines.customer_id, order_lines.product_id, products.category

),

categories_bought as (

    select
        customer_id,
        category,
        max(last_bought_at) as last_bought_at
    from purchases
    where category is not null
    group by customer_id, category

),

-- What was bought after the first look was found.
unbought as (

    select
        looks.customer_id,
        looks.product_id,
        looks.first_look_at,
        looks.last_look_at,
        looks.looks,
        looks.was_in_cart,
        products.category,
        coalesce(categories_bought.last_bought_at >= looks.first_look_at, false)
            as is_category_bought
    from looks
    left join products on looks.product_id = products.product_id
    left join purchases
        on
            looks.customer_id = purchases.customer_id
            and looks.product_id = purchases.product_id
    left join categories_bought
        on
            looks.customer_id = categories_bought.customer_id
            and products.category = categories_bought.category
    where purchases.last_bought_at is null or purchases.last_bought_at < looks.first_look_at

),

-- What lay in the cart first, then what was looked at most and last.
placed as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by was_in_cart desc, looks desc, last_look_at desc, product_id asc
        ) as place,
        row_number() over (
            partition by customer_id, is_category_bought
            order by was_in_cart desc, looks desc, last_look_at desc, product_id asc
        ) as place_by_category
    from unbought

),

int_segment_browsing as (

    select
        customer_id,
        max(case when place = 1 then product_id end) as product_id,
        max(case when place = 1 then looks end) as looks,
        max(case when place = 1 then last_look_at end) as last_look_at,
        coalesce(max(case when place = 1 then was_in_cart end) = 1, false) as was_in_cart,
        max(case when place_by_category = 1 and not is_category_bought then category end)
            as category,
        count(*) as products_unbought
    from placed
    group by customer_id

)

select * from int_segment_browsing
