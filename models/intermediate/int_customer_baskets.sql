with

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

order_lines as (

    select * from {{ ref("int_order_lines_costed") }}

),

customer_categories as (

    select * from {{ ref("int_customer_categories") }}

),

-- A cost that is the policy's guess says nothing about a line's margin.
judged_lines as (

    select
        customer_id,
        is_full_price,
        case when not is_cost_estimated then net_revenue end as costed_revenue,
        cm1 >= net_revenue * {{ parameter("high_margin_rate") }} as is_high_margin
    from order_lines
    where
        customer_id is not null
        and {{ is_in_last_months("ordered_at", 12) }}

),

line_mix as (

    select
        customer_id,
        count(is_full_price) as priced_lines,
        sum(case when is_full_price then 1 else 0 end) as full_price_lines,
        sum(costed_revenue) as costed_revenue,
        sum(case when is_high_margin then costed_revenue else 0 end) as high_margin_revenue
    from judged_lines
    group by customer_id

),

{% set windows = [12, 6, 3] -%}
breadths as (

    select
        customer_id,
        count(*) as categories_lifetime,
        {%- for months in windows %}
        {{ sum_in_last_months("1", "last_bought_at", months) }} as categories_{{ months }}m,
        {%- endfor %}
        {{ sum_in_last_months("1", "first_bought_at", 12) }} as first_categories_12m
    from customer_categories
    group by customer_id

),

int_customer_baskets as (

    select
        orders.customer_id,
        case
            when feeds.has_discounts
                then {{ ratio("line_mix.full_price_lines", "line_mix.priced_lines") }}
        end as full_price_share_12m,
        {{ ratio("coalesce(line_mix.high_margin_revenue, 0)", "line_mix.costed_revenue") }}
            as high_margin_share_12m,
        cast(breadths.categories_lifetime as bigint) as categories_lifetime,
        {%- for months in windows %}
        cast(breadths.categories_{{ months }}m as bigint) as categories_{{ months }}m,
        {%- endfor %}
        -- All is new to whoever bought nothing before: that is no expansion.
        case
            when breadths.first_categories_12m < breadths.categories_lifetime
                then cast(breadths.first_categories_12m as bigint)
        end as new_categories_12m
    from orders
    cross join feeds
    left join line_mix on orders.customer_id = line_mix.customer_id
    left join breadths on orders.customer_id = breadths.customer_id

)

select * from int_customer_baskets
