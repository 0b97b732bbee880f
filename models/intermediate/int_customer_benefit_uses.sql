with

redemptions as (

    select * from {{ ref("int_benefit_redemptions_costed") }}

),

int_customer_benefit_uses as (

    select
        customer_id,
        benefit_id,
        count(*) as redemptions_12m,
        sum(case when {{ is_in_last_months("redeemed_at", 3) }} then 1 else 0 end)
            as redemptions_3m,
        {{ money("sum(benefit_cost)") }} as cost_12m
    from redemptions
    where {{ is_in_last_months("redeemed_at", 12) }}
    group by customer_id, benefit_id

)

select * from int_customer_benefit_uses
