with

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}

),

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}

),

blend_spans as (

    select * from {{ ref("int_tier_blend_spans") }}

),

-- Where a value and a threshold hold at the same time, and the one meets the other.
met as (

    select
        metric_spans.customer_id,
        thresholds.policy_version,
        thresholds.tier_rank,
        thresholds.rules_needed,
        greatest(metric_spans.valid_from, thresholds.valid_from) as met_from,
        least(
            {{ lasts_until("metric_spans.valid_to") }}, {{ lasts_until("thresholds.valid_to") }}
        ) as met_until
    from metric_spans
    inner join thresholds
        on
            metric_spans.policy_version = thresholds.policy_version
            and metric_spans.metric = thresholds.metric
            and metric_spans.metric_value >= thresholds.threshold
            and metric_spans.valid_from < {{ lasts_until("thresholds.valid_to") }}
            and {{ lasts_until("metric_spans.valid_to") }} > thresholds.valid_from

    union all

    select
        customer_id,
        policy_version,
        tier_rank,
        rules_needed,
        met_from,
        met_until
    from blend_spans

),

changes as (

    select
        customer_id,
        policy_version,
        tier_rank,
        rules_needed,
        met_from as changed_on,
        1 as rules
    from met

    union all

    select
        customer_id,
        policy_version,
        tier_rank,
        rules_needed,
        met_until as changed_on,
        -1 as rules
    from met

),

daily_changes as (

    select
        customer_id,
        policy_version,
        tier_rank,
        rules_needed,
        changed_on,
        sum(rules) as rules
    from changes
    group by customer_id, policy_version, tier_rank, rules_needed, changed_on
    having sum(rules) <> 0

),

counted as (

    select
        customer_id,
        policy_version,
        tier_rank,
        rules_needed,
        changed_on,
        lead(changed_on) over (
            partition by customer_id, policy_version, tier_rank
            order by changed_on
        ) as next_changed_on,
        sum(rules) over (
            partition by customer_id, policy_version, tier_rank
            order by changed_on
            rows between unbounded preceding and current row
        ) as rules_met
    from daily_changes

),

int_tier_rule_spans as (

    select
        customer_id,
        policy_version,
        tier_rank,
        changed_on as valid_from,
        next_changed_on as valid_to
    from counted
    where rules_met >= rules_needed

)

select * from int_tier_rule_spans
