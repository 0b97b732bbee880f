with

redemptions as (

    select * from {{ ref("stg_benefit_redemptions") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

tier_benefits as (

    select * from {{ ref("tier_benefits") }}

),

-- A benefit costs what the version in force says; one that a later version no longer promises, what
-- the last one said that did.
benefit_prices as (

    select
        tier_benefits.benefit_id,
        tier_benefits.unit_cost,
        policy_versions.effective_from,
        lead(policy_versions.effective_from) over (
            partition by tier_benefits.benefit_id
            order by policy_versions.effective_from
        ) as effective_to
    from tier_benefits
    inner join policy_versions on tier_benefits.policy_version = policy_versions.policy_version

),

int_benefit_redemptions_costed as (

    select
        redemptions.redemption_id,
        redemptions.customer_id,
        redemptions.benefit_id,
        redemptions.redeemed_at,
        {{ money("coalesce(redemptions.cost, benefit_prices.unit_cost, 0)") }} as benefit_cost
    from redemptions
    left join benefit_prices
        on
            redemptions.benefit_id = benefit_prices.benefit_id
            and cast(redemptions.redeemed_at as date) >= benefit_prices.effective_from
            and (
                cast(redemptions.redeemed_at as date) < benefit_prices.effective_to
                or benefit_prices.effective_to is null
            )

)

select * from int_benefit_redemptions_costed
