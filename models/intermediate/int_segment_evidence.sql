with

customer_categories as (

    select * from {{ ref("int_segment_customer_categories") }}

),

favourites as (

    select * from {{ ref("int_segment_favourites") }}

),

orders as (

    select * from {{ ref("int_segment_customer_orders") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

-- What a unit usually costs; articles of no known category are a category of their own. Money, so
-- that sums of it are the same in whatever order they are taken. Staff and test accounts do not
-- tell what is usual, here and below.
usual_prices as (

    select
        customer_categories.category,
        {{ money_of_double(
            ratio("sum(customer_categories.gross_revenue)", "sum(customer_categories.units)")
        ) }} as usual_price
    from customer_categories
    inner join customers on customer_categories.customer_id = customers.customer_id
    where not customers.is_test
    group by customer_categories.category

),

-- What they paid before discounts, against what as many units of the same categories usually cost.
sums as (

    select
        customer_categories.customer_id,
        sum(customer_categories.line_count) as line_count,
        sum(customer_categories.net_revenue) as net_revenue,
        sum(customer_categories.launch_known_lines) as launch_known_lines,
        sum(customer_categories.trend_lines) as trend_lines,
        {{ ratio("sum(customer_categories.discounted_revenue)",
                 "sum(customer_categories.gross_revenue)") }} as discounted_share,
        {{ ratio("sum(case when usual_prices.usual_price is not null"
                 ~ " then customer_categories.gross_revenue end)",
                 "sum(customer_categories.units * usual_prices.usual_price)") }} as price_index
    from customer_categories
    left join usual_prices
        on
            coalesce(customer_categories.category, '') = coalesce(usual_prices.category, '')
    group by customer_categories.customer_id

),

means as (

    select {{ ratio("sum(sums.net_revenue)", "count(*)") }} as mean_net_revenue
    from sums
    inner join customers on sums.customer_id = customers.customer_id
    where not customers.is_test

),

int_segment_evidence as (

    select
        sums.customer_id,
        sums.line_count,
        coalesce(orders.orders, 0) as orders,
        sums.net_revenue,
        {{ ratio("sums.net_revenue", "means.mean_net_revenue") }} as relative_spend,
        case when feeds.has_discounts then sums.discounted_share end as discounted_share,
        sums.price_index,
        case when sums.launch_known_lines > 0 then sums.trend_lines end as trend_lines,
        {{ ratio("sums.trend_lines", "sums.launch_known_lines") }} as trend_line_share,
        favourites.favourite_category,
        favourites.category_count,
        favourites.top_category_share,
        favourites.top_category_lift,
        favourites.favourite_brand,
        favourites.brand_count,
        favourites.top_brand_share,
        favourites.top_brand_lift
    from sums
    cross join means
    cross join feeds
    left join orders on sums.customer_id = orders.customer_id
    left join favourites on sums.customer_id = favourites.customer_id

)

select * from int_segment_evidence
