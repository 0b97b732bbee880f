with

gaps as (

    select * from {{ ref("int_product_purchase_days") }}
    where days_per_unit is not null

),

products as (

    select * from {{ ref("stg_products") }}

),

grouped as (

    select
        'product' as grouped_by,
        product_id as group_id,
        days_per_unit
    from gaps

    union all

    select
        'category' as grouped_by,
        products.category as group_id,
        gaps.days_per_unit
    from gaps
    inner join products on gaps.product_id = products.product_id
    where products.category is not null

),

quartiles as (

    select
        grouped_by,
        group_id,
        {{ pct("days_per_unit", 0.25) }} as first_quartile,
        {{ pct("days_per_unit", 0.75) }} as third_quartile,
        {{ parameter("outlier_fence") }}
        * ({{ pct("days_per_unit", 0.75) }} - {{ pct("days_per_unit", 0.25) }}) as fence
    from grouped
    group by grouped_by, group_id
    having count(*) >= {{ parameter("replenishment_min_gaps") }}

),

medians as (

    select
        grouped.grouped_by,
        grouped.group_id,
        {{ pct("grouped.days_per_unit", 0.5) }} as days_per_unit
    from grouped
    inner join quartiles
        on
            grouped.grouped_by = quartiles.grouped_by
            and grouped.group_id = quartiles.group_id
            and grouped.days_per_unit >= quartiles.first_quartile - quartiles.fence
            and grouped.days_per_unit <= quartiles.third_quartile + quartiles.fence
    group by grouped.grouped_by, grouped.group_id

),

int_product_rhythms as (

    select
        products.product_id,
        products.product_name,
        products.category,
        products.brand,
        -- What the brand says of its product, else its buyers, else those of its category.
        coalesce(
            cast(products.replenishment_days as double),
            by_product.days_per_unit,
            by_category.days_per_unit
        ) as days_per_unit
    from products
    left join medians as by_product
        on
            products.product_id = by_product.group_id
            and by_product.grouped_by = 'product'
    left join medians as by_category
        on
            products.category = by_category.group_id
            and by_category.grouped_by = 'category'

)

select * from int_product_rhythms
