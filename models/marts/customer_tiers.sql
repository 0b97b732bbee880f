with

customers as (

    select * from {{ ref("customer_value") }}

),

standings as (

    select * from {{ ref("int_tier_standings") }}

),

targets as (

    select * from {{ ref("int_tier_targets") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}
    where metric = 'qualifying_spend'

),

tiers as (

    select distinct
        policy_version,
        tier,
        tier_rank,
        max(tier_rank) over (partition by policy_version) as top_rank
    from {{ ref("tier_rules") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

exclusion_spans as (

    select * from {{ ref("int_tier_exclusion_spans") }}

),

-- An exclusion holds for whom no tier was ever in reach as well.
exclusions as (

    select
        exclusion_spans.customer_id,
        min(exclusion_spans.exclusion_id) as exclusion_id
    from exclusion_spans
    inner join policy on exclusion_spans.policy_version = policy.policy_version
    where
        exclusion_spans.valid_from <= {{ as_of_date() }}
        and {{ lasts_until("exclusion_spans.valid_to") }} > {{ as_of_date() }}
    group by exclusion_spans.customer_id

),

held as (

    select
        customers.customer_id,
        customers.qualifying_spend,
        policy.policy_version,
        coalesce(standings.held_rank, 0) as tier_rank,
        coalesce(standings.qualified_rank, 0) as qualified_tier_rank,
        exclusions.exclusion_id,
        standings.tier_since,
        standings.lost_rank,
        standings.grace_until,
        standings.projected_demotion_on,
        {{ days_between(as_of_date(), "standings.projected_demotion_on") }} as days_to_demotion
    from customers
    cross join policy
    left join standings on customers.customer_id = standings.customer_id
    left join exclusions on customers.customer_id = exclusions.customer_id

),

-- A tier may ask for an amount and for a share of the same spend: both, or one of them.
projected_thresholds as (

    select
        held.customer_id,
        held.projected_demotion_on,
        thresholds.policy_version,
        case
            when max(thresholds.rules_needed) = 1 then min(thresholds.threshold)
            else max(thresholds.threshold)
        end as threshold
    from held
    inner join thresholds
        on
            held.tier_rank = thresholds.tier_rank
            and held.projected_demotion_on >= thresholds.valid_from
            and held.projected_demotion_on < {{ lasts_until("thresholds.valid_to") }}
    group by held.customer_id, held.projected_demotion_on, thresholds.policy_version

),

-- What would still count on the day of the projected demotion if nothing more were bought, and what
-- the policy in force on that day asks for.
projected_spend as (

    select
        projected_thresholds.customer_id,
        projected_thresholds.threshold,
        sum(
            case
                when
                    {{ leaves_window_on(
                        "policy_versions.qualification_period", "customer_days.activity_date"
                    ) }} > projected_thresholds.projected_demotion_on
                    then {{ spend_by_basis(
                        "policy_versions.qualifying_spend_basis", "customer_days"
                    ) }}
                else 0
            end
        ) as qualifying_spend
    from projected_thresholds
    inner join policy_versions
        on projected_thresholds.policy_version = policy_versions.policy_version
    inner join customer_days on projected_thresholds.customer_id = customer_days.customer_id
    group by projected_thresholds.customer_id, projected_thresholds.threshold

),

customer_tiers as (

    select
        {{ as_of_date() }} as as_of_date,
        held.customer_id,
        coalesce(current_tiers.tier, 'none') as tier,
        held.tier_rank,
        held.qualified_tier_rank,
        held.tier_since,
        case
            when held.tier_rank = 0 then 'none'
            when
                held.tier_rank > held.qualified_tier_rank
                or held.days_to_demotion <= {{ parameter("demotion_warning_first_days") }}
                then 'at_risk_vip'
            when held.tier_rank = current_tiers.top_rank then 'top_vip'
            else 'vip'
        end as tier_status,
        held.qualifying_spend,
        next_tiers.tier as next_tier,
        next_targets.spend_missing as spend_to_next_tier,
        case
            when held.exclusion_id is not null then 0
            when next_tiers.tier is null then 1
            else coalesce(next_targets.progress, 0)
        end as progress_to_next_tier,
        coalesce(
            next_tiers.tier is not null
            and next_targets.progress >= {{ parameter("halfway_progress") }},
            false
        ) as is_halfway_to_next,
        coalesce(
            next_tiers.tier is not null
            and next_targets.spend_missing > 0
            and next_targets.spend_missing <= {{ parameter("near_next_tier_spend") }},
            false
        ) as is_near_next,
        held.grace_until,
        held.projected_demotion_on,
        -- greatest() passes nulls over: where no demotion is in sight the amount is null, not zero.
        case
            when projected_spend.threshold is not null
                then {{ money(
                    "greatest(projected_spend.threshold - projected_spend.qualifying_spend, 0)"
                ) }}
        end as spend_to_keep_tier,
        -- Which of the three messages is due: the notice of the day comes before the next warning.
        case
            when held.exclusion_id is not null then null
            when held.lost_rank is not null and held.tier_since = {{ as_of_date() }} then 0
            when held.days_to_demotion <= {{ parameter("demotion_warning_last_days") }}
                then cast({{ parameter("demotion_warning_last_days") }} as int)
            when held.days_to_demotion <= {{ parameter("demotion_warning_first_days") }}
                then cast({{ parameter("demotion_warning_first_days") }} as int)
        end as demotion_warning_days,
        lost_tiers.tier as lost_tier,
        lost_targets.spend_missing as spend_to_earn_back,
        held.exclusion_id,
        held.policy_version
    from held
    left join tiers as current_tiers
        on
            held.policy_version = current_tiers.policy_version
            and held.tier_rank = current_tiers.tier_rank
    -- Whom the policy keeps out is on the way to no tier.
    left join tiers as next_tiers
        on
            held.policy_version = next_tiers.policy_version
            and held.tier_rank + 1 = next_tiers.tier_rank
            and held.exclusion_id is null
    left join tiers as lost_tiers
        on
            held.policy_version = lost_tiers.policy_version
            and held.lost_rank = lost_tiers.tier_rank
    left join targets as next_targets
        on
            held.customer_id = next_targets.customer_id
            and held.tier_rank + 1 = next_targets.tier_rank
            and held.exclusion_id is null
    left join targets as lost_targets
        on
            held.customer_id = lost_targets.customer_id
            and held.lost_rank = lost_targets.tier_rank
    left join projected_spend on held.customer_id = projected_spend.customer_id

)

select * from customer_tiers
