with

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

evaluations as (

    select * from {{ ref("int_tier_evaluations") }}

),

cuts as (

    select * from {{ ref("int_tier_cuts") }}

),

-- The rules of a blend are one rule: one place in the ranking of them together.
rules as (

    select distinct
        policy_version,
        tier,
        tier_rank,
        combiner,
        case when combiner = 'rank_blend' then 'rank_blend' else metric end as metric,
        rule,
        case when combiner <> 'rank_blend' then threshold end as threshold
    from tier_rules

),

counted as (

    select
        *,
        case
            when combiner = 'any' then 1
            else count(*) over (partition by policy_version, tier_rank)
        end as rules_needed
    from rules

),

int_tier_thresholds as (

    select
        counted.policy_version,
        counted.tier,
        counted.tier_rank,
        counted.metric,
        counted.rule,
        counted.rules_needed,
        policy_versions.effective_from as valid_from,
        policy_versions.effective_to as valid_to,
        {{ money("counted.threshold") }} as threshold
    from counted
    inner join policy_versions on counted.policy_version = policy_versions.policy_version
    where counted.rule = 'at_least'

    union all

    select
        counted.policy_version,
        counted.tier,
        counted.tier_rank,
        counted.metric,
        counted.rule,
        counted.rules_needed,
        evaluations.due_on as valid_from,
        evaluations.next_due_on as valid_to,
        cuts.cut as threshold
    from counted
    inner join cuts
        on
            counted.policy_version = cuts.policy_version
            and counted.tier_rank = cuts.tier_rank
            and counted.metric = cuts.metric
    inner join evaluations
        on
            cuts.policy_version = evaluations.policy_version
            and cuts.due_on = evaluations.due_on
    where counted.rule = 'top_share'

)

select * from int_tier_thresholds
