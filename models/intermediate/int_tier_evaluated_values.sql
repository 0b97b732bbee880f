with

evaluations as (

    select * from {{ ref("int_tier_evaluations") }}

),

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}
    where rule = 'top_share'

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

ranked_metrics as (

    select distinct
        tier_rules.policy_version,
        tier_rules.metric,
        tier_metrics.kind
    from tier_rules
    inner join tier_metrics on tier_rules.metric = tier_metrics.metric

),

population as (

    select
        evaluations.policy_version,
        evaluations.due_on,
        evaluations.evaluated_on,
        metric_spans.customer_id
    from evaluations
    inner join metric_spans
        on
            evaluations.policy_version = metric_spans.policy_version
            and evaluations.evaluated_on >= metric_spans.valid_from
            and evaluations.evaluated_on < {{ lasts_until("metric_spans.valid_to") }}
    inner join customers on metric_spans.customer_id = customers.customer_id
    where
        metric_spans.metric = 'orders_in_period'
        and metric_spans.metric_value > 0
        and not customers.is_test

),

int_tier_evaluated_values as (

    select
        population.policy_version,
        population.due_on,
        ranked_metrics.metric,
        population.customer_id,
        {{ value_to_rank("ranked_metrics.kind", "metric_spans.metric_value") }} as metric_value
    from population
    inner join ranked_metrics on population.policy_version = ranked_metrics.policy_version
    left join metric_spans
        on
            population.policy_version = metric_spans.policy_version
            and ranked_metrics.metric = metric_spans.metric
            and population.customer_id = metric_spans.customer_id
            and population.evaluated_on >= metric_spans.valid_from
            and population.evaluated_on < {{ lasts_until("metric_spans.valid_to") }}

)

select * from int_tier_evaluated_values
