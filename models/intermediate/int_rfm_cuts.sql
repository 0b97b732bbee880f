with

rfm_inputs as (

    select * from {{ ref("int_customer_rfm_inputs") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

real_inputs as (

    select rfm_inputs.*
    from rfm_inputs
    inner join customers on rfm_inputs.customer_id = customers.customer_id
    where not customers.is_test

),

-- A brand in its first month has no earlier customers: tonight's own stand in for them.
frozen_on as (

    select min(evaluated_on) as evaluated_on
    from real_inputs

),

{% set measures = ["recency_days", "order_days", "net_revenue"] -%}
int_rfm_cuts as (

    select
        real_inputs.evaluated_on as frozen_on,
        {%- for measure in measures %}
        {%- for share in [20, 40, 60, 80] %}
        {{ pct("real_inputs." ~ measure, share / 100) }} as {{ measure }}_p{{ share }},
        {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from real_inputs
    inner join frozen_on on real_inputs.evaluated_on = frozen_on.evaluated_on
    group by real_inputs.evaluated_on

)

select * from int_rfm_cuts
