-- Failure means a line between net revenue and CM3 is missing or counted twice for a customer.
select
    customer_id,
    cm3_12m as observed,
    net_revenue_12m
    - cost_of_goods_12m + restocked_cost_12m
    - net_shipping_cost_12m - payment_fee_12m - return_cost_12m
    - sms_cost_12m - benefit_cost_12m - support_cost_12m as expected
from {{ ref("customer_value") }}
where
    cm3_12m <> net_revenue_12m
    - cost_of_goods_12m + restocked_cost_12m
    - net_shipping_cost_12m - payment_fee_12m - return_cost_12m
    - sms_cost_12m - benefit_cost_12m - support_cost_12m
