{%- set kinds = {"category": "customer_categories", "brand": "customer_brands"} %}
with

customer_categories as (

    select * from {{ ref("int_segment_customer_categories") }}

),

customer_brands as (

    select * from {{ ref("int_segment_customer_brands") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

{%- for kind, relation in kinds.items() %}

-- Of two alike the first in the alphabet.
placed_by_{{ kind }} as (

    select
        customer_id,
        {{ kind }},
        net_revenue,
        row_number() over (
            partition by customer_id
            order by net_revenue desc, {{ kind }} asc
        ) as place
    from {{ relation }}
    where {{ kind }} is not null

),

-- Staff and test accounts do not tell what is usual.
sales_by_{{ kind }} as (

    select
        {{ relation }}.{{ kind }},
        {{ ratio(
            "sum(" ~ relation ~ ".net_revenue)", "sum(sum(" ~ relation ~ ".net_revenue)) over ()"
        ) }} as sales_share
    from {{ relation }}
    inner join customers on {{ relation }}.customer_id = customers.customer_id
    where {{ relation }}.{{ kind }} is not null and not customers.is_test
    group by {{ relation }}.{{ kind }}

),

tops_by_{{ kind }} as (

    select
        customer_id,
        max(case when place = 1 then {{ kind }} end) as {{ kind }},
        max(place) as {{ kind }}_count,
        {{ ratio("sum(case when place = 1 then net_revenue end)", "sum(net_revenue)") }}
            as top_{{ kind }}_share
    from placed_by_{{ kind }}
    group by customer_id

),

favourites_by_{{ kind }} as (

    select
        tops_by_{{ kind }}.*,
        tops_by_{{ kind }}.top_{{ kind }}_share / nullif(sales_by_{{ kind }}.sales_share, 0)
            as top_{{ kind }}_lift
    from tops_by_{{ kind }}
    left join sales_by_{{ kind }}
        on tops_by_{{ kind }}.{{ kind }} = sales_by_{{ kind }}.{{ kind }}

),
{%- endfor %}

int_segment_favourites as (

    select
        coalesce(favourites_by_category.customer_id, favourites_by_brand.customer_id)
            as customer_id,
        favourites_by_category.category as favourite_category,
        favourites_by_category.category_count,
        favourites_by_category.top_category_share,
        favourites_by_category.top_category_lift,
        favourites_by_brand.brand as favourite_brand,
        favourites_by_brand.brand_count,
        favourites_by_brand.top_brand_share,
        favourites_by_brand.top_brand_lift
    from favourites_by_category
    full outer join favourites_by_brand
        on favourites_by_category.customer_id = favourites_by_brand.customer_id

)

select * from int_segment_favourites
