with

messages as (

    select * from {{ ref("stg_sms_messages") }}

),

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

redemptions as (

    select * from {{ ref("int_benefit_redemptions_costed") }}

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
        customer_id,
        redeemed_at as incurred_at,
        {{ money("0") }} as sms_cost,
        {{ money("0") }} as support_cost,
        benefit_cost
    from redemptions

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
