-- Failure means a line between gross revenue and CM3 is missing or counted twice for a customer.
-- A line that nobody records is null, and the margins count it as nothing.
{%- set less_for_revenue = ["discount_amount_12m", "refund_amount_12m"] %}
{%- set less_for_margin = [
    "cost_of_goods_12m", "net_shipping_cost_12m", "payment_fee_12m", "return_cost_12m",
    "sms_cost_12m", "benefit_cost_12m", "support_cost_12m",
] %}
with

expected as (

    select
        customer_id,
        net_revenue_12m,
        cm3_12m,
        gross_revenue_12m
        {%- for line in less_for_revenue %}
        - coalesce({{ line }}, 0)
        {%- endfor %} as expected_net_revenue,
        net_revenue_12m + coalesce(restocked_cost_12m, 0)
        {%- for line in less_for_margin %}
        - coalesce({{ line }}, 0)
        {%- endfor %} as expected_cm3
    from {{ ref("customer_value") }}

)

select
    customer_id,
    net_revenue_12m as observed_net_revenue,
    expected_net_revenue,
    cm3_12m as observed,
    expected_cm3 as expected
from expected
where net_revenue_12m <> expected_net_revenue or cm3_12m <> expected_cm3
