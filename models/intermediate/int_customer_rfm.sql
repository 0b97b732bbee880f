with

rfm_inputs as (

    select * from {{ ref("int_customer_rfm_inputs") }}

),

cuts as (

    select * from {{ ref("int_rfm_cuts") }}

),

segments as (

    select * from {{ ref("rfm_segments") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

active_scores as (

    select
        rfm_inputs.customer_id,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case when cuts.recency_days_p{{ share }} >= rfm_inputs.recency_days then 1 else 0 end
        {%- endfor %} as rfm_recency,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case when cuts.order_days_p{{ share }} < rfm_inputs.order_days then 1 else 0 end
        {%- endfor %} as rfm_frequency,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case when cuts.net_revenue_p{{ share }} < rfm_inputs.net_revenue then 1 else 0 end
        {%- endfor %} as rfm_monetary
    from rfm_inputs
    cross join cuts
    where rfm_inputs.evaluated_on = {{ as_of_date() }}

),

-- Whoever bought, but not within the window, has the lowest score on each axis.
scores as (

    select
        orders.customer_id,
        coalesce(active_scores.rfm_recency, 1) as rfm_recency,
        coalesce(active_scores.rfm_frequency, 1) as rfm_frequency,
        coalesce(active_scores.rfm_monetary, 1) as rfm_monetary
    from orders
    left join active_scores on orders.customer_id = active_scores.customer_id

),

int_customer_rfm as (

    select
        scores.customer_id,
        scores.rfm_recency,
        scores.rfm_frequency,
        scores.rfm_monetary,
        scores.rfm_recency + scores.rfm_frequency + scores.rfm_monetary as rfm_score,
        segments.rfm_segment
    from scores
    left join segments
        on
            scores.rfm_recency = segments.rfm_recency
            and scores.rfm_frequency = segments.rfm_frequency

)

select * from int_customer_rfm
