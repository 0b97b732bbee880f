with

walk as (

    select * from {{ ref("int_tier_walk") }}

),

tiers as (

    select * from {{ ref("int_tier_thresholds") }}

),

changes as (

    select *
    from walk
    where held_rank <> earlier_rank and step_on <= {{ as_of_date() }}

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
            when changes.held_rank < changes.earlier_rank then 'demoted'
            when changes.earlier_rank = 0 then 'qualified'
            else 'upgraded'
        end as change_reason,
        changes.policy_version
    from changes
    left join tiers
        on
            changes.policy_version = tiers.policy_version
            and changes.held_rank = tiers.tier_rank

)

select * from tier_history
