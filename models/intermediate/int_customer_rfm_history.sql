with

rfm_inputs as (

    select * from {{ ref("int_customer_rfm_inputs") }}

),

evaluations as (

    select * from {{ ref("int_rfm_evaluations") }}

),

cuts as (

    select * from {{ ref("int_rfm_cuts") }}

),

segments as (

    select * from {{ ref("rfm_segments") }}

),

-- Each evaluation has the cuts of its own month beside those of the one before.
evaluation_cuts as (

    select
        evaluations.evaluated_on,
        {%- for measure in ["recency_days", "order_days"] %}
        {%- for share in [20, 40, 60, 80] %}
        previous_cuts.{{ measure }}_p{{ share }} as previous_{{ measure }}_p{{ share }},
        {%- endfor %}
        {%- endfor %}
        cuts.*
    from evaluations
    left join cuts on evaluations.month_on = cuts.month_on
    left join cuts as previous_cuts
        on {{ period_start("evaluations.previous_evaluated_on", "month") }} = previous_cuts.month_on

),

-- Whoever bought, but not within the window, has the lowest score on each axis.
scores as (

    select
        rfm_inputs.customer_id,
        rfm_inputs.evaluated_on,
        {{ rfm_score(
            "rfm_inputs.order_days", "rfm_inputs.recency_days", "evaluation_cuts.recency_days",
            is_less_better=true,
        ) }} as rfm_recency,
        {{ rfm_score(
            "rfm_inputs.order_days", "rfm_inputs.order_days", "evaluation_cuts.order_days",
        ) }} as rfm_frequency,
        case
            when rfm_inputs.evaluated_on = {{ as_of_date() }}
                then {{ rfm_score(
                    "rfm_inputs.order_days", "rfm_inputs.net_revenue", "evaluation_cuts.net_revenue",
                ) }}
        end as rfm_monetary,
        {{ rfm_score(
            "rfm_inputs.order_days_before", "rfm_inputs.recency_days_before",
            "evaluation_cuts.previous_recency_days", is_less_better=true,
        ) }} as rfm_recency_before,
        {{ rfm_score(
            "rfm_inputs.order_days_before", "rfm_inputs.order_days_before",
            "evaluation_cuts.previous_order_days",
        ) }} as rfm_frequency_before,
        rfm_inputs.order_days_before is not null as is_known_before
    from rfm_inputs
    left join evaluation_cuts on rfm_inputs.evaluated_on = evaluation_cuts.evaluated_on

),

int_customer_rfm_history as (

    select
        scores.customer_id,
        scores.evaluated_on,
        scores.rfm_recency,
        scores.rfm_frequency,
        scores.rfm_monetary,
        segments.rfm_segment,
        case when scores.is_known_before then previous_segments.rfm_segment end
            as rfm_segment_before
    from scores
    left join segments
        on
            scores.rfm_recency = segments.rfm_recency
            and scores.rfm_frequency = segments.rfm_frequency
    left join segments as previous_segments
        on
            scores.rfm_recency_before = previous_segments.rfm_recency
            and scores.rfm_frequency_before = previous_segments.rfm_frequency

)

select * from int_customer_rfm_history
