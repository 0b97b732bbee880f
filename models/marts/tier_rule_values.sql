with

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}
    where
        valid_from <= {{ as_of_date() }}
        and {{ lasts_until("valid_to") }} > {{ as_of_date() }}

),

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}
    where
        valid_from <= {{ as_of_date() }}
        and {{ lasts_until("valid_to") }} > {{ as_of_date() }}

),

blended_ranks as (

    select * from {{ ref("int_tier_blended_ranks") }}

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

rules as (

    select
        thresholds.*,
        tier_metrics.kind
    from thresholds
    inner join policy on thresholds.policy_version = policy.policy_version
    left join tier_metrics on thresholds.metric = tier_metrics.metric

),

-- What customer_value tells is not said again; of an amount and a share of the same metric, once.
told as (

    select distinct
        metric_spans.customer_id,
        rules.tier,
        rules.tier_rank,
        rules.metric,
        metric_spans.metric_value
    from rules
    inner join metric_spans
        on
            rules.policy_version = metric_spans.policy_version
            and rules.metric = metric_spans.metric
    where
        rules.kind in ('projection', 'evaluated')
        or rules.metric in ('orders_in_period', 'projected_margin_12m')

    union all

    select
        blended_ranks.customer_id,
        rules.tier,
        rules.tier_rank,
        rules.metric,
        blended_ranks.blended_rank as metric_value
    from rules
    inner join blended_ranks
        on
            rules.policy_version = blended_ranks.policy_version
            and rules.valid_from = blended_ranks.due_on
            and rules.tier_rank = blended_ranks.tier_rank
    where rules.metric = 'rank_blend'

),

tier_rule_values as (

    select
        {{ as_of_date() }} as as_of_date,
        customer_id,
        tier,
        cast(tier_rank as int) as tier_rank,
        metric,
        {{ money("metric_value") }} as metric_value
    from told

)

select * from tier_rule_values
