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

-- Value decides no segment: its cuts are those of tonight's month.
measured as (

    select
        real_inputs.month_on,
        real_inputs.evaluated_on as frozen_on,
        real_inputs.recency_days,
        real_inputs.order_days,
        case
            when real_inputs.month_on = {{ period_start(as_of_date(), "month") }}
                then real_inputs.net_revenue
        end as net_revenue
    from real_inputs
    inner join frozen_months on real_inputs.evaluated_on = frozen_months.frozen_on

),

{% set measures = ["recency_days", "order_days", "net_revenue"] -%}
int_rfm_cuts as (

    select
        month_on,
        frozen_on,
        {%- for measure in measures %}
        {%- for share in [20, 40, 60, 80] %}
        {{ pct(measure, share / 100) }} as {{ measure }}_p{{ share }},
        {%- endfor %}
        {%- endfor %}
        count(*) as customers
    from measured
    group by month_on, frozen_on

)

select * from int_rfm_cuts
