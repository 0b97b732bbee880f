with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

int_audience_vip as (

    select
        audiences.audience_id,
        tiers.customer_id
    from tiers
    inner join audiences on tiers.tier_rank >= audiences.tier_floor_rank
    where audiences.condition_model = 'int_audience_vip'

)

select * from int_audience_vip
