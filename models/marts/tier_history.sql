with

walk as (

    select * from {{ ref("int_tier_walk") }}

),

tiers as (

    select distinct
        policy_version,
        tier,
        tier_rank
    from {{ ref("tier_rules") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

-- On the first day of a version it is the policy that moves people; the oldest followed none.
policy_changes as (

    select
        policy_version,
        effective_from,
        lag(policy_version) over (order by effective_from) as version_before
    from policy_versions

),

-- A span is of one tier and one version: who holds a tier when a version begins starts a new one.
changes as (

    select
        walk.*,
        walk.step_on = policy_changes.effective_from
        and policy_changes.version_before is not null as is_policy_change
    from walk
    inner join policy_changes on walk.policy_version = policy_changes.policy_version
    where
        walk.step_on <= {{ as_of_date() }}
        and (
            walk.held_rank <> walk.earlier_rank
            or (walk.held_rank > 0 and walk.policy_version <> walk.earlier_policy_version)
        )

),

tier_history as (

    select
        {{ as_of_date() }} as as_of_date,
        changes.customer_id,
        coalesce(tiers.tier, 'none') as tier,
        changes.held_rank as tier_rank,
        changes.step_on as valid_from,
        lead(changes.step_on) over (
            partition by changes.customer_id
            order by changes.step_on
        ) as valid_to,
        case
            when changes.exclusion_id is not null then 'excluded'
            when changes.is_policy_change then 'policy_changed'
            when changes.held_rank < changes.earlier_rank then 'demoted'
            when changes.earlier_rank = 0 then 'qualified'
            else 'upgraded'
        end as change_reason,
        changes.earlier_rank as tier_rank_before,
        changes.exclusion_id,
        changes.policy_version
    from changes
    left join tiers
        on
            changes.policy_version = tiers.policy_version
            and changes.held_rank = tiers.tier_rank

)

select * from tier_history
