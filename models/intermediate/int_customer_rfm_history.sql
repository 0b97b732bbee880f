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

-- Whoever bought, but not within the window, has the lowest score on each axis.
scores as (

    select
        rfm_inputs.customer_id,
        rfm_inputs.evaluated_on,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case
            when rfm_inputs.order_days = 0 then 0
            when cuts.recency_days_p{{ share }} >= rfm_inputs.recency_days then 1
            else 0
        end
        {%- endfor %} as rfm_recency,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case
            when rfm_inputs.order_days = 0 then 0
            when cuts.order_days_p{{ share }} < rfm_inputs.order_days then 1
            else 0
        end
        {%- endfor %} as rfm_frequency,
        1
        {%- for share in [20, 40, 60, 80] %}
        + case
            when rfm_inputs.order_days = 0 then 0
            when cuts.net_revenue_p{{ share }} < rfm_inputs.net_revenue then 1
            else 0
        end
        {%- endfor %} as rfm_monetary
    from rfm_inputs
    left join cuts on {{ period_start("rfm_inputs.evaluated_on", "month") }} = cuts.month_on

),

int_customer_rfm_history as (

    select
        scores.customer_id,
        scores.evaluated_on,
        scores.rfm_recency,
        scores.rfm_frequency,
        scores.rfm_monetary,
        segments.rfm_segment,
        lag(segments.rfm_segment) over (
            partition by scores.customer_id
            order by scores.evaluated_on
        ) as rfm_segment_before
    from scores
    left join segments
        on
            scores.rfm_recency = segments.rfm_recency
            and scores.rfm_frequency = segments.rfm_frequency

)

select * from int_customer_rfm_history
