{%- set metrics = [
    "latest_nps", "mean_csat", "mean_sentiment", "tickets", "return_count",
    "open_incidents", "severe_incidents", "complaints",
] %}
{%- set since = days_ago("signal_window_days") %}
with

surveys as (

    select * from {{ ref("stg_surveys") }}

),

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

returns as (

    select * from {{ ref("int_returns_costed") }}

),

incidents as (

    select * from {{ ref("stg_service_incidents") }}

),

sms_events as (

    select * from {{ ref("int_sms_event_speakers") }}

),

rules as (

    select * from {{ ref("signal_rules") }}
    where purpose = 'care'

),

answers as (

    select
        customer_id,
        score,
        row_number() over (
            partition by customer_id
            order by answered_at desc, score asc
        ) as place
    from surveys
    where answered_at >= {{ since }}

),

-- One row for each thing that tells of a mood, in the column it belongs to.
things as (

    select
        customer_id,
        {{ care_signals(latest_nps="score") }}
    from answers
    where place = 1

    union all

    select
        customer_id,
        {{ care_signals(csat="csat", sentiment="sentiment", tickets=1) }}
    from tickets
    where opened_at >= {{ since }}

    union all

    select
        customer_id,
        {{ care_signals(return_count=1) }}
    from returns
    where customer_id is not null and returned_at >= {{ since }}

    union all

    select
        customer_id,
        {{ care_signals(
            open_incidents="case when resolved_at is null then 1 else 0 end",
            severe_incidents="case when severity = 'high' then 1 else 0 end",
        ) }}
    from incidents
    where opened_at >= {{ since }}

    union all

    select
        customer_id,
        {{ care_signals(complaints=1) }}
    from sms_events
    where event_type = 'complaint' and customer_id is not null and occurred_at >= {{ since }}

),

moods as (

    select
        customer_id,
        max(latest_nps) as latest_nps,
        avg(csat) as mean_csat,
        avg(sentiment) as mean_sentiment,
        sum(tickets) as tickets,
        sum(return_count) as return_count,
        sum(open_incidents) as open_incidents,
        sum(severe_incidents) as severe_incidents,
        sum(complaints) as complaints
    from things
    group by customer_id

),

asked as (

    select
        moods.customer_id,
        rules.signal,
        rules.points,
        rules.rule,
        rules.threshold,
        {{ metric_of("rules.metric", "moods", metrics) }} as metric_value
    from moods
    cross join rules

),

shown as (

    select
        customer_id,
        sum(points) as care_points,
        {{ text_list("signal") }} as care_signals
    from asked
    where {{ meets("metric_value", "rule", "threshold") }}
    group by customer_id

),

int_segment_care as (

    select
        moods.*,
        coalesce(shown.care_points, 0) as care_points,
        shown.care_signals
    from moods
    left join shown on moods.customer_id = shown.customer_id

)

select * from int_segment_care
