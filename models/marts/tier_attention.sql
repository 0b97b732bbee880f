with

customers as (

    select * from {{ ref("customer_value") }}
    where not is_test

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

sums as (

    select
        tiers.tier,
        tiers.tier_rank,
        count(*) as customers,
        {{ money("sum(customers.cm2_12m)") }} as cm2_12m,
        {{ money("sum(customers.benefit_cost_12m)") }} as benefit_cost_12m,
        {{ money("sum(customers.support_cost_12m)") }} as support_cost_12m,
        {{ money("sum(customers.sms_cost_12m)") }} as sms_cost_12m,
        {{ money("sum(" ~ sum_of_known([
            "customers.benefit_cost_12m", "customers.support_cost_12m", "customers.sms_cost_12m",
        ]) ~ ")") }} as attention_cost_12m
    from customers
    inner join tiers on customers.customer_id = tiers.customer_id
    group by tiers.tier, tiers.tier_rank

),

totals as (

    select
        *,
        sum(case when tier_rank > 0 then cm2_12m end) over () as tiers_cm2_12m
    from sums

),

-- Among those who hold a tier: what a tier brings in against what is spent on it. Of a loss there
-- are no shares: the tier that loses most would have the largest.
shares as (

    select
        *,
        case
            when tier_rank > 0 and tiers_cm2_12m > 0 then {{ ratio("cm2_12m", "tiers_cm2_12m") }}
        end as margin_share,
        case
            when tier_rank > 0 then {{ ratio(
                "attention_cost_12m",
                "sum(case when tier_rank > 0 then attention_cost_12m end) over ()"
            ) }}
        end as attention_share
    from totals

),

compared as (

    select
        *,
        case when margin_share > 0 then {{ ratio("attention_share", "margin_share") }} end
            as attention_index
    from shares

),

tier_attention as (

    select
        {{ as_of_date() }} as as_of_date,
        tier,
        tier_rank,
        cast(customers as bigint) as customers,
        cm2_12m,
        benefit_cost_12m,
        support_cost_12m,
        sms_cost_12m,
        attention_cost_12m,
        {{ money_of_double(ratio("attention_cost_12m", "customers")) }} as attention_cost_each,
        margin_share,
        attention_share,
        attention_index,
        attention_index < {{ parameter("attention_index_floor") }} as is_neglected
    from compared

)

select * from tier_attention
