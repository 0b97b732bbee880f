-- Failure means tiers that cannot be climbed: ranks are 1 to n, one name each, thresholds rising.
with

versions as (

    select * from {{ ref("policy_versions") }}

),

rules as (

    select * from {{ ref("tier_rules") }}

),

ranks as (

    select
        policy_version,
        tier_rank,
        min(tier) as tier,
        count(distinct tier) as names_of_rank
    from rules
    group by policy_version, tier_rank

),

placed_ranks as (

    select
        *,
        row_number() over (partition by policy_version order by tier_rank) as place,
        count(*) over (partition by policy_version, tier) as ranks_of_name
    from ranks

),

-- The smaller a share, the more it asks for; the lowest tier asks for more than nothing.
asked as (

    select
        policy_version,
        metric,
        rule,
        tier,
        tier_rank,
        case when rule = 'top_share' then 1 - threshold else threshold end as asked
    from rules

),

thresholds as (

    select
        policy_version,
        tier,
        asked,
        lag(asked, 1, 0) over (
            partition by policy_version, metric, rule
            order by tier_rank
        ) as asked_below
    from asked

),

faults as (

    select
        versions.policy_version,
        cast(null as {{ dbt.type_string() }}) as tier,
        'the version has no tiers' as fault
    from versions
    left join ranks on versions.policy_version = ranks.policy_version
    where ranks.policy_version is null

    union all

    select
        policy_version,
        tier,
        case
            when names_of_rank > 1 then 'shares its rank with another tier'
            when ranks_of_name > 1 then 'has more than one rank'
            else 'leaves a rank out below it: ranks are 1, 2, 3'
        end as fault
    from placed_ranks
    where names_of_rank > 1 or ranks_of_name > 1 or tier_rank is null or tier_rank <> place

    union all

    select
        policy_version,
        tier,
        'its threshold is not above that of the tier below, or of nothing' as fault
    from thresholds
    where asked is null or asked <= asked_below

)

select *
from faults
