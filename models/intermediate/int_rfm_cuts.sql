with

rfm_inputs as (

    select * from {{ ref("int_customer_rfm_inputs") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

real_inputs as (

    select
        rfm_inputs.*,
        {{ period_start("rfm_inputs.evaluated_on", "month") }} as month_on
    from rfm_inputs
    inner join customers on rfm_inputs.customer_id = customers.customer_id
    where
        rfm_inputs.order_days > 0
        and not customers.is_test

),

-- A brand in its first month has no earlier customers: tonight's own stand in for them.
frozen_months as (

    select
        month_on,
        min(evaluated_on) as frozen_on
    from real_inputs
    group by month_on

),

{% set measures = ["recency_days", "order_days", "net_revenue"] -%}
int_rfm_cuts as (

    select
        real_inputs.month_on,
        real_inputs.evaluated_on as frozen_on,
        {%- for measure in measures %}
        {%- for share in [20, 40, 60, 80] %}
        {{ pct("real_inputs." ~ measure, share / 100) }} as {{ measure }}_p{{ share }},
        {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from real_inputs
    inner join frozen_months on real_inputs.evaluated_on = frozen_months.frozen_on
    group by real_inputs.month_on, real_inputs.evaluated_on

)

select * from int_rfm_cuts
