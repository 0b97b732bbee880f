with

returns as (

    select * from {{ ref("int_returns_costed") }}

),

int_customer_returns as (

    select
        customer_id,
        {{ money("sum(refund_amount)") }} as refund_amount_lifetime,
        {{ money("sum(return_cost)") }} as return_cost_lifetime,
        {{ money("sum(restocked_cost)") }} as restocked_cost_lifetime,
        {%- for months in [12, 6, 3] %}
        {{ money(sum_in_last_months("refund_amount", "returned_at", months)) }}
            as refund_amount_{{ months }}m,
        {%- endfor %}
        {{ money(sum_in_last_months("return_cost", "returned_at", 12)) }} as return_cost_12m,
        {{ money(sum_in_last_months("restocked_cost", "returned_at", 12)) }} as restocked_cost_12m
    from returns
    where customer_id is not null
    group by customer_id

)

select * from int_customer_returns
