with

lines as (

    select * from {{ ref("int_segment_lines") }}

),

int_segment_customer_categories as (

    select
        customer_id,
        category,
        {{ money("sum(gross_revenue)") }} as gross_revenue,
        {{ money("sum(net_revenue)") }} as net_revenue,
        {{ money("sum(case when is_discounted then gross_revenue else 0 end)") }}
            as discounted_revenue,
        cast(sum(quantity) as double) as units,
        count(*) as line_count,
        sum(case when is_launch_known then 1 else 0 end) as launch_known_lines,
        sum(case when is_trend_line then 1 else 0 end) as trend_lines
    from lines
    group by customer_id, category

)

select * from int_segment_customer_categories
