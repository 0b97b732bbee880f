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
        {%- set spend = spend_by_basis("policy.qualifying_spend_basis", "customer_days") %}
        {{ money(
            "sum(case when customer_days.activity_date >= policy.window_from then "
            ~ spend ~ " else 0 end)"
        ) }} as qualifying_spend,
        {{ money("sum(" ~ spend ~ ")") }} as spend_12m
    from customer_days
    inner join policy
        on customer_days.activity_date >= {{ date_plus(as_of_date(), -12, "month") }}
    group by customer_days.customer_id

)

select * from int_customer_qualifying_spend
