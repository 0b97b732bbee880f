{%- set metrics = [
    "reviews", "referrals", "social_shares", "events_attended", "sessions", "session_minutes",
    "product_views", "premium_view_share", "trend_lines",
] %}
with

engagement as (

    select * from {{ ref("int_segment_engagement") }}

),

evidence as (

    select * from {{ ref("int_segment_evidence") }}

),

rules as (

    select * from {{ ref("signal_rules") }}
    where purpose = 'early'

),

-- An early adopter may never come to the site.
interests as (

    select
        coalesce(engagement.customer_id, evidence.customer_id) as customer_id,
        {%- for metric in metrics if metric != "trend_lines" %}
        engagement.{{ metric }},
        {%- endfor %}
        evidence.trend_lines
    from engagement
    full outer join evidence on engagement.customer_id = evidence.customer_id

),

asked as (

    select
        interests.customer_id,
        rules.signal,
        rules.points,
        rules.rule,
        rules.threshold,
        {{ metric_of("rules.metric", "interests", metrics) }} as metric_value
    from interests
    cross join rules

),

int_segment_early_signals as (

    select
        customer_id,
        sum(points) as early_points,
        {{ text_list("signal") }} as early_signals
    from asked
    where {{ meets("metric_value", "rule", "threshold") }}
    group by customer_id

)

select * from int_segment_early_signals
