{{ config(materialized="view") }}

with

orders as (

    select * from {{ ref("int_orders_costed") }}
    where customer_id is not null

),

returns as (

    select * from {{ ref("int_returns_costed") }}
    where customer_id is not null

),

service_costs as (

    select * from {{ ref("int_service_costs") }}
    where customer_id is not null

),

int_customer_earnings as (

    select
        customer_id,
        cast(ordered_at as date) as booked_on,
        cm1,
        cm2 as cm3,
        {{ money("0") }} as cost_to_serve
    from orders

    union all

    select
        customer_id,
        cast(returned_at as date) as booked_on,
        {{ money("restocked_cost - refund_amount") }} as cm1,
        {{ money("restocked_cost - refund_amount - return_cost") }} as cm3,
        return_cost as cost_to_serve
    from returns

    union all

    select
        customer_id,
        cast(incurred_at as date) as booked_on,
        {{ money("0") }} as cm1,
        {{ money("-sms_cost - support_cost - benefit_cost") }} as cm3,
        {{ money("sms_cost + support_cost + benefit_cost") }} as cost_to_serve
    from service_costs

)

select * from int_customer_earnings
