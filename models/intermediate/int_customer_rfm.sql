with

history as (

    select * from {{ ref("int_customer_rfm_history") }}

),

evaluations as (

    select * from {{ ref("int_rfm_evaluations") }}

),

-- What stood before the first evaluation nobody looked at: a segment held since then has no start.
turns as (

    select
        history.customer_id,
        max(history.evaluated_on) as turned_on
    from history
    inner join evaluations on history.evaluated_on = evaluations.evaluated_on
    where
        evaluations.previous_evaluated_on is not null
        and coalesce(history.rfm_segment_before, '') <> history.rfm_segment
    group by history.customer_id

),

latest_turns as (

    select
        turns.customer_id,
        turns.turned_on,
        history.rfm_segment_before
    from turns
    inner join history
        on
            turns.customer_id = history.customer_id
            and turns.turned_on = history.evaluated_on

),

int_customer_rfm as (

    select
        history.customer_id,
        history.rfm_recency,
        history.rfm_frequency,
        history.rfm_monetary,
        history.rfm_recency + history.rfm_frequency + history.rfm_monetary as rfm_score,
        history.rfm_segment,
        latest_turns.rfm_segment_before,
        latest_turns.turned_on as rfm_segment_since
    from history
    left join latest_turns on history.customer_id = latest_turns.customer_id
    where history.evaluated_on = {{ as_of_date() }}

)

select * from int_customer_rfm
