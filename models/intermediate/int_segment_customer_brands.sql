with

lines as (

    select * from {{ ref("int_segment_lines") }}

),

int_segment_customer_brands as (

    select
        customer_id,
        brand,
        {{ money("sum(net_revenue)") }} as net_revenue
    from lines
    where brand is not null
    group by customer_id, brand

)

select * from int_segment_customer_brands
