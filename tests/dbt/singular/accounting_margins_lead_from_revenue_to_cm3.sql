-- Failure means a line between gross revenue and CM3 is missing or counted twice for a customer.
select
    customer_id,
    net_revenue_12m as observed_net_revenue,
    gross_revenue_12m - discount_amount_12m - refund_amount_12m as expected_net_revenue,
    cm3_12m as observed,
    net_revenue_12m
    - cost_of_goods_12m + restocked_cost_12m
    - net_shipping_cost_12m - payment_fee_12m - return_cost_12m
    - sms_cost_12m - benefit_cost_12m - support_cost_12m as expected
from {{ ref("customer_value") }}
where
    net_revenue_12m <> gross_revenue_12m - discount_amount_12m - refund_amount_12m
    or cm3_12m <> net_revenue_12m
    - cost_of_goods_12m + restocked_cost_12m
    - net_shipping_cost_12m - payment_fee_12m - return_cost_12m
    - sms_cost_12m - benefit_cost_12m - support_cost_12m
