with

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

metric_dates as (

    select * from {{ ref("int_tier_metric_dates") }}
    where
        asked_on <= {{ as_of_date() }}
        and {{ lasts_until("next_asked_on") }} > {{ as_of_date() }}

),

reasons as (

    select
        policy_version,
        tier_rank,
        case when combiner = 'rank_blend' then 'rank_blend' else metric end as metric,
        rule,
        min(combiner) as combiner,
        min(unit) as unit,
        min(reason) as reason
    from tier_rules
    group by
        policy_version,
        tier_rank,
        case when combiner = 'rank_blend' then 'rank_blend' else metric end,
        rule

),

tier_requirements as (

    select
        {{ as_of_date() }} as as_of_date,
        thresholds.policy_version,
        thresholds.tier,
        cast(thresholds.tier_rank as int) as tier_rank,
        reasons.combiner,
        thresholds.metric,
        thresholds.rule,
        thresholds.threshold,
        -- What a share came to is counted as the metric is.
        case
            when thresholds.rule <> 'top_share' then reasons.unit
            when thresholds.metric = 'rank_blend' then 'places'
            else tier_metrics.unit
        end as unit,
        metric_dates.asked_on as measured_on,
        reasons.reason
    from thresholds
    inner join policy on thresholds.policy_version = policy.policy_version
    inner join reasons
        on
            thresholds.policy_version = reasons.policy_version
            and thresholds.tier_rank = reasons.tier_rank
            and thresholds.metric = reasons.metric
            and thresholds.rule = reasons.rule
    left join tier_metrics on thresholds.metric = tier_metrics.metric
    left join metric_dates
        on
            thresholds.policy_version = metric_dates.policy_version
            and thresholds.metric = metric_dates.metric
    where
        thresholds.valid_from <= {{ as_of_date() }}
        and {{ lasts_until("thresholds.valid_to") }} > {{ as_of_date() }}

)

select * from tier_requirements
