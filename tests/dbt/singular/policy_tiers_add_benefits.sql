-- Failure means a tier that promises nothing new: neither a kind of benefit that the tier below has
-- not, nor more of one that it has.
with

tiers as (

    select distinct
        policy_version,
        tier,
        tier_rank
    from {{ ref("tier_rules") }}

),

benefits as (

    select * from {{ ref("tier_benefits") }}

),

ranked_benefits as (

    select
        tiers.policy_version,
        tiers.tier_rank,
        benefits.kind,
        max(benefits.amount) as amount
    from tiers
    inner join benefits
        on
            tiers.policy_version = benefits.policy_version
            and tiers.tier = benefits.tier
    group by tiers.policy_version, tiers.tier_rank, benefits.kind

),

additions as (

    select
        above.policy_version,
        above.tier_rank,
        count(*) as added_benefits
    from ranked_benefits as above
    left join ranked_benefits as below
        on
            above.policy_version = below.policy_version
            and above.tier_rank = below.tier_rank + 1
            and above.kind = below.kind
    where below.kind is null or above.amount > below.amount
    group by above.policy_version, above.tier_rank

),

faults as (

    select
        tiers.policy_version,
        tiers.tier,
        cast(null as {{ dbt.type_string() }}) as benefit_id,
        'the tier adds no benefit to the tier below' as fault
    from tiers
    left join additions
        on
            tiers.policy_version = additions.policy_version
            and tiers.tier_rank = additions.tier_rank
    where additions.added_benefits is null

    union all

    select
        benefits.policy_version,
        benefits.tier,
        benefits.benefit_id,
        'the benefit is of a tier that the version does not have' as fault
    from benefits
    left join tiers
        on
            benefits.policy_version = tiers.policy_version
            and benefits.tier = tiers.tier
    where tiers.tier is null

)

select *
from faults
