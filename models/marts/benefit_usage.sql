with

benefits as (

    select * from {{ ref("tier_benefits") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

customer_uses as (

    select * from {{ ref("int_customer_benefit_uses") }}

),

-- Staff and test accounts do not tell whether a benefit is wanted.
holders as (

    select
        tiers.customer_id,
        tiers.tier
    from tiers
    inner join customers on tiers.customer_id = customers.customer_id
    where not customers.is_test

),

customers_by_tier as (

    select
        tier,
        count(*) as customers
    from holders
    group by tier

),

benefits_in_force as (

    select
        benefits.tier,
        benefits.benefit_id,
        benefits.kind
    from benefits
    inner join policy on benefits.policy_version = policy.policy_version

),

-- A benefit is used in the tier held tonight, whichever tier it was redeemed in.
uses as (

    select
        holders.tier,
        customer_uses.benefit_id,
        count(*) as customers_12m,
        sum(case when customer_uses.redemptions_3m > 0 then 1 else 0 end) as customers_3m,
        sum(customer_uses.redemptions_12m) as redemptions_12m,
        sum(customer_uses.cost_12m) as cost_12m
    from customer_uses
    inner join holders on customer_uses.customer_id = holders.customer_id
    inner join benefits_in_force
        on
            customer_uses.benefit_id = benefits_in_force.benefit_id
            and holders.tier = benefits_in_force.tier
    group by holders.tier, customer_uses.benefit_id

),

counted as (

    select
        benefits_in_force.tier,
        benefits_in_force.benefit_id,
        benefits_in_force.kind,
        cast(coalesce(customers_by_tier.customers, 0) as bigint) as customers_entitled,
        case
            when feeds.has_benefit_redemptions
                then cast(coalesce(uses.customers_12m, 0) as bigint)
        end as customers_redeemed_12m,
        case
            when feeds.has_benefit_redemptions
                then cast(coalesce(uses.customers_3m, 0) as bigint)
        end as customers_redeemed_3m,
        case
            when feeds.has_benefit_redemptions
                then cast(coalesce(uses.redemptions_12m, 0) as bigint)
        end as redemptions_12m,
        case
            when feeds.has_benefit_redemptions
                then {{ money("coalesce(uses.cost_12m, 0)") }}
        end as cost_12m
    from benefits_in_force
    cross join feeds
    left join customers_by_tier on benefits_in_force.tier = customers_by_tier.tier
    left join uses
        on
            benefits_in_force.tier = uses.tier
            and benefits_in_force.benefit_id = uses.benefit_id

),

benefit_usage as (

    select
        {{ as_of_date() }} as as_of_date,
        tier,
        benefit_id,
        kind,
        customers_entitled,
        customers_redeemed_12m,
        customers_redeemed_3m,
        redemptions_12m,
        cost_12m,
        {{ ratio("customers_redeemed_12m", "customers_entitled") }} as redeemed_share_12m,
        {{ ratio("customers_redeemed_3m", "customers_entitled") }} as redeemed_share_3m
    from counted

)

select * from benefit_usage
