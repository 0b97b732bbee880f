with

orders as (

    select * from {{ ref("int_orders_costed") }}

),

int_customer_orders as (

    select
        customer_id,
        min(ordered_at) as first_order_at,
        max(ordered_at) as last_order_at,
        count(*) as orders_lifetime,
        {%- for months in [12, 6, 3] %}
        {{ sum_in_last_months("1", "ordered_at", months) }} as orders_{{ months }}m,
        {%- endfor %}
        sum(
            case
                when
                    ordered_at
                    >= cast({{ date_plus(as_of_date(), -90, "day") }} as {{ dbt.type_timestamp() }})
                    then 1
                else 0
            end
        ) as orders_90d,
        {{ money("sum(gross_revenue)") }} as gross_revenue_lifetime,
        {{ money("sum(net_revenue)") }} as order_revenue_lifetime,
        {{ money("sum(cost_of_goods)") }} as cost_of_goods_lifetime,
        {{ money("sum(shipping_cost - shipping_revenue)") }} as net_shipping_cost_lifetime,
        {{ money("sum(payment_fee)") }} as payment_fee_lifetime,
        {{ money(sum_in_last_months("gross_revenue", "ordered_at", 12)) }} as gross_revenue_12m,
        {{ money(sum_in_last_months("discount_amount", "ordered_at", 12)) }} as discount_amount_12m,
        {%- for months in [12, 6, 3] %}
        {{ money(sum_in_last_months("net_revenue", "ordered_at", months)) }}
            as order_revenue_{{ months }}m,
        {%- endfor %}
        {{ money(sum_in_last_months("cost_of_goods", "ordered_at", 12)) }} as cost_of_goods_12m,
        {{ money(sum_in_last_months("shipping_cost - shipping_revenue", "ordered_at", 12)) }}
            as net_shipping_cost_12m,
        {{ money(sum_in_last_months("payment_fee", "ordered_at", 12)) }} as payment_fee_12m
    from orders
    where customer_id is not null
    group by customer_id

)

select * from int_customer_orders
