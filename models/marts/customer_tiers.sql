with

customers as (

    select * from {{ ref("customer_value") }}

),

standings as (

    select * from {{ ref("int_tier_standings") }}

),

spend_spans as (

    select * from {{ ref("int_qualifying_spend_spans") }}

),

tier_history as (

    select * from {{ ref("tier_history") }}

),

tiers as (

    select * from {{ ref("int_tier_thresholds") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

held as (

    select
        customers.customer_id,
        customers.qualifying_spend,
        policy.policy_version,
        coalesce(standings.held_rank, 0) as tier_rank,
        coalesce(standings.qualified_rank, 0) as qualified_tier_rank,
        standings.grace_until,
        standings.projected_demotion_on,
        tier_history.valid_from as tier_since
    from customers
    cross join policy
    left join standings on customers.customer_id = standings.customer_id
    left join tier_history
        on
            customers.customer_id = tier_history.customer_id
            and tier_history.valid_to is null

),

-- What would still count on the day of the projected demotion if nothing more were bought, and what
-- the policy in force on that day asks for.
projected_spend as (

    select
        held.customer_id,
        spend_spans.qualifying_spend,
        tiers.spend_threshold
    from held
    inner join spend_spans
        on
            held.customer_id = spend_spans.customer_id
            and held.projected_demotion_on >= spend_spans.valid_from
            and held.projected_demotion_on
            < coalesce(spend_spans.valid_to, cast('9999-12-31' as date))
    inner join tiers
        on
            spend_spans.policy_version = tiers.policy_version
            and held.tier_rank = tiers.tier_rank

),

customer_tiers as (

    select
        {{ as_of_date() }} as as_of_date,
        held.customer_id,
        coalesce(current_tiers.tier, 'none') as tier,
        held.tier_rank,
        held.qualified_tier_rank,
        held.tier_since,
        held.qualifying_spend,
        next_tiers.tier as next_tier,
        -- greatest() passes nulls over: at the top the gap is null, not zero.
        case
            when next_tiers.spend_threshold is not null
                then {{ money("greatest(next_tiers.spend_threshold - held.qualifying_spend, 0)") }}
        end as spend_to_next_tier,
        case
            when next_tiers.spend_threshold is null then 1
            else
                least(
                    greatest({{ ratio("held.qualifying_spend", "next_tiers.spend_threshold") }}, 0),
                    1
                )
        end as progress_to_next_tier,
        held.grace_until,
        held.projected_demotion_on,
        case
            when projected_spend.spend_threshold is not null
                then {{ money(
                    "greatest(projected_spend.spend_threshold"
                    ~ " - projected_spend.qualifying_spend, 0)"
                ) }}
        end as spend_to_keep_tier,
        held.policy_version
    from held
    left join tiers as current_tiers
        on
            held.policy_version = current_tiers.policy_version
            and held.tier_rank = current_tiers.tier_rank
    left join tiers as next_tiers
        on
            held.policy_version = next_tiers.policy_version
            and held.tier_rank + 1 = next_tiers.tier_rank
    left join projected_spend on held.customer_id = projected_spend.customer_id

)

select * from customer_tiers
