with

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}

),

tier_exclusions as (

    select * from {{ ref("tier_exclusions") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

conditions as (

    select
        tier_exclusions.policy_version,
        tier_exclusions.exclusion_id,
        tier_exclusions.metric,
        tier_exclusions.threshold,
        policy_versions.effective_from,
        {{ lasts_until("policy_versions.effective_to") }} as effective_until,
        count(*) over (
            partition by tier_exclusions.policy_version, tier_exclusions.exclusion_id
        ) as conditions_needed
    from tier_exclusions
    inner join policy_versions on tier_exclusions.policy_version = policy_versions.policy_version

),

met as (

    select
        metric_spans.customer_id,
        conditions.policy_version,
        conditions.exclusion_id,
        conditions.conditions_needed,
        greatest(metric_spans.valid_from, conditions.effective_from) as met_from,
        least({{ lasts_until("metric_spans.valid_to") }}, conditions.effective_until) as met_until
    from metric_spans
    inner join conditions
        on
            metric_spans.policy_version = conditions.policy_version
            and metric_spans.metric = conditions.metric
            and metric_spans.metric_value >= conditions.threshold
            and metric_spans.valid_from < conditions.effective_until
            and {{ lasts_until("metric_spans.valid_to") }} > conditions.effective_from

),

changes as (

    select
        customer_id,
        policy_version,
        exclusion_id,
        conditions_needed,
        met_from as changed_on,
        1 as conditions
    from met

    union all

    select
        customer_id,
        policy_version,
        exclusion_id,
        conditions_needed,
        met_until as changed_on,
        -1 as conditions
    from met

),

daily_changes as (

    select
        customer_id,
        policy_version,
        exclusion_id,
        conditions_needed,
        changed_on,
        sum(conditions) as conditions
    from changes
    group by customer_id, policy_version, exclusion_id, conditions_needed, changed_on
    having sum(conditions) <> 0

),

counted as (

    select
        customer_id,
        policy_version,
        exclusion_id,
        conditions_needed,
        changed_on,
        lead(changed_on) over (
            partition by customer_id, policy_version, exclusion_id
            order by changed_on
        ) as next_changed_on,
        sum(conditions) over (
            partition by customer_id, policy_version, exclusion_id
            order by changed_on
            rows between unbounded preceding and current row
        ) as conditions_met
    from daily_changes

),

int_tier_exclusion_spans as (

    select
        customer_id,
        policy_version,
        exclusion_id,
        changed_on as valid_from,
        next_changed_on as valid_to
    from counted
    where conditions_met >= conditions_needed

)

select * from int_tier_exclusion_spans
