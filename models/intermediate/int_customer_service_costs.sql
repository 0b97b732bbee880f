with

messages as (

    select * from {{ ref("stg_sms_messages") }}

),

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

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

costs as (

    select
        customer_id,
        sent_at as incurred_at,
        {{ money(
            "coalesce(cost, coalesce(segments, 1) * " ~ parameter("sms_cost_per_segment") ~ ")"
        ) }} as sms_cost,
        {{ money("0") }} as support_cost,
        {{ money("0") }} as benefit_cost
    from messages

    union all

    select
        customer_id,
        opened_at as incurred_at,
        {{ money("0") }} as sms_cost,
        {{ money("coalesce(handle_minutes, 0) * " ~ parameter("support_cost_per_minute")) }}
            as support_cost,
        {{ money("0") }} as benefit_cost
    from tickets

    union all

    select
        redemptions.customer_id,
        redemptions.redeemed_at as incurred_at,
        {{ money("0") }} as sms_cost,
        {{ money("0") }} as support_cost,
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

),

int_customer_service_costs as (

    select
        customer_id,
        {{ money("sum(sms_cost)") }} as sms_cost_lifetime,
        {{ money("sum(support_cost)") }} as support_cost_lifetime,
        {{ money("sum(benefit_cost)") }} as benefit_cost_lifetime,
        {{ money(sum_in_last_months("sms_cost", "incurred_at", 12)) }} as sms_cost_12m,
        {{ money(sum_in_last_months("support_cost", "incurred_at", 12)) }} as support_cost_12m,
        {{ money(sum_in_last_months("benefit_cost", "incurred_at", 12)) }} as benefit_cost_12m
    from costs
    group by customer_id

)

select * from int_customer_service_costs
