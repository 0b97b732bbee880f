{{ config(materialized="view") }}

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

int_service_costs as (

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

)

select * from int_service_costs
