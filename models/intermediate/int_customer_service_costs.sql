with

costs as (

    select * from {{ ref("int_service_costs") }}

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
