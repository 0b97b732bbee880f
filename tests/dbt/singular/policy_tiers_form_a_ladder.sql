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
        combiner,
        case when rule = 'top_share' then 1 - threshold else threshold end as asked
    from rules

),

thresholds as (

    select
        policy_version,
        metric,
        rule,
        tier,
        tier_rank,
        combiner,
        asked,
        lag(asked, 1, 0) over rising as asked_below,
        lag(tier_rank) over rising as rank_below,
        lag(combiner) over rising as combiner_below
    from asked
    window rising as (partition by policy_version, metric, rule order by tier_rank)

),

-- A tier of which all must hold may be level with one below it in a rule, not as a whole: another
-- rule asks for more than that tier's, or for what it does not ask for.
level_rules as (

    select *
    from thresholds
    where asked = asked_below and combiner = 'all' and combiner_below in ('all', 'any')

),

harder_besides as (

    select distinct
        level_rules.policy_version,
        level_rules.tier_rank,
        level_rules.metric,
        level_rules.rule
    from level_rules
    inner join asked as besides
        on
            level_rules.policy_version = besides.policy_version
            and level_rules.tier_rank = besides.tier_rank
            and not (level_rules.metric = besides.metric and level_rules.rule = besides.rule)
    left join asked as below
        on
            besides.policy_version = below.policy_version
            and level_rules.rank_below = below.tier_rank
            and besides.metric = below.metric
            and besides.rule = below.rule
    where
        level_rules.combiner_below = 'any'
        or below.asked is null
        or besides.asked > below.asked

),

-- Nothing is left out of what the tier below asks for together.
easier_besides as (

    select distinct
        level_rules.policy_version,
        level_rules.tier_rank,
        level_rules.metric,
        level_rules.rule
    from level_rules
    inner join asked as below
        on
            level_rules.policy_version = below.policy_version
            and level_rules.rank_below = below.tier_rank
    left join asked as besides
        on
            level_rules.policy_version = besides.policy_version
            and level_rules.tier_rank = besides.tier_rank
            and below.metric = besides.metric
            and below.rule = besides.rule
    where
        level_rules.combiner_below = 'all'
        and (besides.asked is null or besides.asked < below.asked)

),

not_above as (

    select
        thresholds.policy_version,
        thresholds.tier
    from thresholds
    left join harder_besides
        on
            thresholds.policy_version = harder_besides.policy_version
            and thresholds.tier_rank = harder_besides.tier_rank
            and thresholds.metric = harder_besides.metric
            and thresholds.rule = harder_besides.rule
    left join easier_besides
        on
            thresholds.policy_version = easier_besides.policy_version
            and thresholds.tier_rank = easier_besides.tier_rank
            and thresholds.metric = easier_besides.metric
            and thresholds.rule = easier_besides.rule
    where
        thresholds.asked is null
        or thresholds.asked < thresholds.asked_below
        or (
            thresholds.asked = thresholds.asked_below
            and (harder_besides.metric is null or easier_besides.metric is not null)
        )

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
    from not_above

)

select *
from faults
