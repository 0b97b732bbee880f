with

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

segments as (

    select * from {{ ref("customer_segments") }}

),

micro_segments as (

    select
        {{ as_of_date() }} as as_of_date,
        segments.micro_segment,
        min(segments.favourite_category) as favourite_category,
        min(segments.behaviour_segment) as behaviour_segment,
        min(segments.region) as region,
        min(segments.lifecycle_stage) as lifecycle_stage,
        count(*) as customers,
        cast(sum(case when tiers.tier_rank > 0 then 1 else 0 end) as bigint) as vips,
        {{ money("sum(customers.net_revenue_12m)") }} as net_revenue_12m,
        {{ money("sum(customers.cm3_12m)") }} as cm3_12m
    from segments
    inner join customers on segments.customer_id = customers.customer_id
    inner join tiers on segments.customer_id = tiers.customer_id
    where not segments.is_test
    group by segments.micro_segment

)

select * from micro_segments
