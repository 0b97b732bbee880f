with

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

profiles as (

    select * from {{ ref("int_lookalike_profiles") }}

),

scores as (

    select * from {{ ref("int_lookalike_scores") }}

),

backtests as (

    select * from {{ ref("stg_lookalike_backtests") }}

),

verdicts as (

    select max(verdict) as verdict
    from backtests

),

judged as (

    select
        customers.customer_id,
        tiers.tier_rank,
        case
            when customers.is_test then 'test_account'
            when tiers.tier_rank > 0 then 'vip'
            when customers.orders_lifetime = 0 then 'no_order'
            when profiles.customer_id is null then 'first_days_unknown'
            when scores.profile is null then coalesce(verdicts.verdict, 'no_fit')
            else 'scored'
        end as score_status,
        scores.lookalike_score
    from customers
    cross join verdicts
    inner join tiers on customers.customer_id = tiers.customer_id
    left join profiles on customers.customer_id = profiles.customer_id
    left join scores on profiles.profile = scores.profile

),

ranked as (

    select
        customer_id,
        cume_dist() over (order by lookalike_score) as lookalike_percentile
    from judged
    where score_status = 'scored'

),

vip_lookalikes as (

    select
        {{ as_of_date() }} as as_of_date,
        judged.customer_id,
        judged.score_status,
        case when ranked.customer_id is not null then judged.lookalike_score end
            as lookalike_score,
        ranked.lookalike_percentile,
        ranked.lookalike_percentile > 1 - {{ parameter("lookalike_top_share") }}
            as is_vip_lookalike
    from judged
    left join ranked on judged.customer_id = ranked.customer_id

)

select * from vip_lookalikes
