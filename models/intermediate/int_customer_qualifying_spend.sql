with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

int_customer_qualifying_spend as (

    select
        customer_days.customer_id,
        {{ money("sum(" ~ spend_by_basis("policy.qualifying_spend_basis", "customer_days") ~ ")") }}
            as qualifying_spend
    from customer_days
    inner join policy on customer_days.activity_date >= policy.window_from
    group by customer_days.customer_id

)

select * from int_customer_qualifying_spend
