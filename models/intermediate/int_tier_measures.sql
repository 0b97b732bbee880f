with

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

tier_exclusions as (

    select * from {{ ref("tier_exclusions") }}

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

-- Whoever never reached the lowest fixed amount in a lifetime never reached it in a window; a share
-- and an exclusion look at everybody.
uses as (

    select
        policy_version,
        metric,
        case when rule = 'at_least' then threshold else 0 end as lowest
    from tier_rules

    union all

    select
        policy_version,
        'orders_in_period' as metric,
        0 as lowest
    from tier_rules
    where rule = 'top_share'

    union all

    select
        policy_version,
        metric,
        0 as lowest
    from tier_exclusions

),

int_tier_measures as (

    select
        cast(row_number() over (order by uses.policy_version, uses.metric) as int) as measure_id,
        uses.policy_version,
        uses.metric,
        tier_metrics.kind,
        tier_metrics.numerator,
        tier_metrics.denominator,
        tier_metrics.window_length,
        tier_metrics.window_unit,
        policy_versions.qualifying_spend_basis,
        policy_versions.qualification_period,
        -- What customer_value does not tell is measured for everybody: progress is read from here.
        {{ money(
            "case when tier_metrics.kind = 'sum'"
            ~ " and uses.metric not in ('orders_in_period', 'projected_margin_12m')"
            ~ " then min(uses.lowest) else 0 end"
        ) }} as lowest_threshold
    from uses
    inner join policy_versions on uses.policy_version = policy_versions.policy_version
    inner join tier_metrics on uses.metric = tier_metrics.metric
    group by
        uses.policy_version,
        uses.metric,
        tier_metrics.kind,
        tier_metrics.numerator,
        tier_metrics.denominator,
        tier_metrics.window_length,
        tier_metrics.window_unit,
        policy_versions.qualifying_spend_basis,
        policy_versions.qualification_period

)

select * from int_tier_measures
