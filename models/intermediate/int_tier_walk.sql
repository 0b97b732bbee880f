{%- set no_date = "cast(null as date)" -%}
{%- set no_end = "cast('9999-12-31' as date)" -%}
{%- set runs_out_first = "walk.demotion_on < coalesce(walk.next_turn_on, " ~ no_end ~ ")" -%}
{%- set falls_short = "step.held_rank > step.qualified_rank" -%}
with recursive

policies as (

    select
        policy_versions.policy_version,
        policy_versions.effective_from,
        policy_versions.grace_months,
        policy_versions.demotion_cadence,
        policy_versions.demotion_mode,
        max(tier_rules.tier_rank) as top_rank
    from {{ ref("policy_versions") }} as policy_versions
    inner join {{ ref("tier_rules") }} as tier_rules
        on policy_versions.policy_version = tier_rules.policy_version
    group by
        policy_versions.policy_version,
        policy_versions.effective_from,
        policy_versions.grace_months,
        policy_versions.demotion_cadence,
        policy_versions.demotion_mode

),

qualifications as (

    select
        qualifications.customer_id,
        qualifications.span_number,
        qualifications.valid_from,
        qualifications.valid_to,
        qualifications.qualified_rank,
        qualifications.exclusion_id,
        policies.policy_version,
        policies.effective_from,
        policies.top_rank,
        policies.grace_months,
        policies.demotion_cadence,
        policies.demotion_mode
    from {{ ref("int_tier_qualifications") }} as qualifications
    inner join policies on qualifications.policy_version = policies.policy_version

),

-- One step a row: either the qualified tier changes, or a grace period has run out.
walk as (

    select
        customer_id,
        1 as step_number,
        span_number,
        policy_version,
        valid_from as step_on,
        valid_to as next_turn_on,
        exclusion_id,
        qualified_rank,
        qualified_rank as held_rank,
        {{ no_date }} as grace_from,
        {{ no_date }} as grace_until,
        {{ no_date }} as demotion_on
    from qualifications
    where span_number = 1

    union all

    select
        customer_id,
        step_number,
        span_number,
        policy_version,
        step_on,
        valid_to as next_turn_on,
        exclusion_id,
        qualified_rank,
        held_rank,
        grace_from,
        {{ date_plus("grace_from", "grace_months", "month") }} as grace_until,
        case
            when grace_from is not null
                then {{ demotion_due_on("grace_from", "earliest_demotion_on") }}
        end as demotion_on
    from (
        select
            step.*,
            case
                when not {{ falls_short }} then {{ no_date }}
                -- A demotion that is not enough starts a new grace period on its day.
                when step.is_demotion then step.step_on
                else coalesce(step.earlier_grace_from, step.step_on)
            end as grace_from,
            -- One step down a day, even where the policy grants no grace.
            case
                when step.is_demotion then {{ date_plus("step.step_on", 1, "day") }}
                else step.step_on
            end as earliest_demotion_on
        from (
            select
                moves.customer_id,
                moves.step_number,
                moves.is_demotion,
                moves.step_on,
                moves.earlier_grace_from,
                qualifications.span_number,
                qualifications.policy_version,
                qualifications.effective_from,
                qualifications.valid_to,
                qualifications.exclusion_id,
                qualifications.qualified_rank,
                qualifications.grace_months,
                qualifications.demotion_cadence,
                case
                    -- Whoever is excluded holds nothing from that day: there is no grace for it.
                    when qualifications.exclusion_id is not null then 0
                    -- A version may have fewer tiers than what was held under the one before.
                    when not moves.is_demotion
                        then
                            least(
                                greatest(moves.earlier_held_rank, qualifications.qualified_rank),
                                qualifications.top_rank
                            )
                    when qualifications.demotion_mode = 'soft_landing'
                        then greatest(moves.earlier_held_rank - 1, qualifications.qualified_rank)
                    else qualifications.qualified_rank
                end as held_rank
            from (
                select
                    walk.customer_id,
                    walk.step_number + 1 as step_number,
                    walk.held_rank as earlier_held_rank,
                    walk.grace_from as earlier_grace_from,
                    coalesce({{ runs_out_first }}, false) as is_demotion,
                    case
                        when {{ runs_out_first }}
                            then walk.demotion_on
                        else walk.next_turn_on
                    end as step_on,
                    case
                        when {{ runs_out_first }}
                            then walk.span_number
                        else walk.span_number + 1
                    end as span_number
                from walk
            ) as moves
            inner join qualifications
                on
                    moves.customer_id = qualifications.customer_id
                    and moves.span_number = qualifications.span_number
            where moves.step_on is not null
        ) as step
    ) as graced_step

),

-- A turn and a demotion may fall on one day: its last step is what the day ends with.
last_steps as (

    select
        *,
        row_number() over (
            partition by customer_id, step_on
            order by step_number desc
        ) as steps_before_midnight
    from walk

),

int_tier_walk as (

    select
        customer_id,
        policy_version,
        step_on,
        exclusion_id,
        qualified_rank,
        held_rank,
        lag(policy_version) over (
            partition by customer_id
            order by step_on
        ) as earlier_policy_version,
        lag(held_rank, 1, 0) over (partition by customer_id order by step_on) as earlier_rank,
        grace_from,
        grace_until,
        demotion_on
    from last_steps
    where steps_before_midnight = 1

)

select * from int_tier_walk
