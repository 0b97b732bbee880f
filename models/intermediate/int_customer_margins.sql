-- noqa: disable=layout.indent
-- The two windows are the same sums; their loops are indented as what they write.
with

customers as (

    select * from {{ ref("stg_customers") }}

),

feeds as (

    select * from {{ ref("int_feeds_known") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

returns as (

    select * from {{ ref("int_customer_returns") }}

),

service_costs as (

    select * from {{ ref("int_customer_service_costs") }}

),

{% set windows = ["12m", "lifetime"] -%}
{% set order_lines = [
    "order_revenue", "cost_of_goods", "net_shipping_cost", "payment_fee",
] -%}
{% set return_lines = ["refund_amount", "return_cost", "restocked_cost"] -%}
{% set service_lines = ["sms_cost", "benefit_cost", "support_cost"] -%}
{% set told_by = {
    "discount_amount": "has_discounts",
    "net_shipping_cost": "has_shipping_amounts",
    "payment_fee": "has_payment_fees",
    "refund_amount": "has_returns",
    "return_cost": "has_return_costs",
    "restocked_cost": "has_returned_quantities",
    "sms_cost": "has_messages",
    "benefit_cost": "has_benefit_redemptions",
    "support_cost": "has_support_minutes",
} -%}
lines as (

    select
        customers.customer_id,
        {%- for window in windows %}
        {%- for relation, names in [
            ("orders", order_lines), ("returns", return_lines), ("service_costs", service_lines),
        ] %}
        {%- for name in names %}
        coalesce({{ relation }}.{{ name }}_{{ window }}, 0) as {{ name }}_{{ window }},
        {%- endfor %}
        {%- endfor %}
        {%- endfor %}
        coalesce(orders.gross_revenue_12m, 0) as gross_revenue_12m,
        coalesce(orders.discount_amount_12m, 0) as discount_amount_12m
    from customers
    left join orders on customers.customer_id = orders.customer_id
    left join returns on customers.customer_id = returns.customer_id
    left join service_costs on customers.customer_id = service_costs.customer_id

),

first_margins as (

    select
        *,
        {%- for window in windows %}
        order_revenue_{{ window }} - refund_amount_{{ window }} as net_revenue_{{ window }},
        order_revenue_{{ window }} - refund_amount_{{ window }}
        - cost_of_goods_{{ window }} + restocked_cost_{{ window }} as cm1_{{ window }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from lines

),

second_margins as (

    select
        *,
        {%- for window in windows %}
        cm1_{{ window }} - net_shipping_cost_{{ window }}
        - payment_fee_{{ window }} - return_cost_{{ window }} as cm2_{{ window }}
        {{- "," if not loop.last }}
        {%- endfor %}
    from first_margins

),

-- The margins take an unknown line for nothing; the line itself is null where no row ever told it.
int_customer_margins as (

    select
        second_margins.customer_id,
        {{ money("second_margins.gross_revenue_12m") }} as gross_revenue_12m,
        case
            when feeds.{{ told_by["discount_amount"] }}
                then {{ money("second_margins.discount_amount_12m") }}
        end as discount_amount_12m,
        {%- for window in windows %}
        {%- for name in (
            order_lines + return_lines + service_lines + ["net_revenue", "cm1", "cm2"]
        ) %}
        {%- set amount = money("second_margins." ~ name ~ "_" ~ window) %}
        {%- if name in told_by %}
        case when feeds.{{ told_by[name] }} then {{ amount }} end as {{ name }}_{{ window }},
        {%- else %}
        {{ amount }} as {{ name }}_{{ window }},
        {%- endif %}
        {%- endfor %}
        {{ money(
            "second_margins.cm2_" ~ window ~ " - second_margins.sms_cost_" ~ window
            ~ " - second_margins.benefit_cost_" ~ window
            ~ " - second_margins.support_cost_" ~ window
        ) }} as cm3_{{ window }}{{ "," if not loop.last }}
        {%- endfor %}
    from second_margins
    cross join feeds

)

select * from int_customer_margins
