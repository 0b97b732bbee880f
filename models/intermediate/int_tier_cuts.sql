with

values_of_day as (

    select * from {{ ref("int_tier_evaluated_values") }}

),

blended_ranks as (

    select * from {{ ref("int_tier_blended_ranks") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}
    where rule = 'top_share'

),

shares as (

    select distinct
        policy_version,
        tier_rank,
        case when combiner = 'rank_blend' then 'rank_blend' else metric end as metric,
        threshold as top_share
    from tier_rules

),

-- One scale for both: the higher the better.
scores as (

    select
        policy_version,
        due_on,
        metric,
        0 as blended_tier_rank,
        metric_value as score,
        count(*) as customers
    from values_of_day
    group by policy_version, due_on, metric, metric_value

    union all

    select
        policy_version,
        due_on,
        'rank_blend' as metric,
        tier_rank as blended_tier_rank,
        -blended_rank as score,
        count(*) as customers
    from blended_ranks
    group by policy_version, due_on, tier_rank, blended_rank

),

standings as (

    select
        policy_version,
        due_on,
        metric,
        blended_tier_rank,
        score,
        cast(
            sum(customers) over (
                partition by policy_version, due_on, metric, blended_tier_rank
                order by score desc nulls last
                rows between unbounded preceding and current row
            ) as bigint
        ) as customers_in,
        cast(
            sum(customers) over (
                partition by policy_version, due_on, metric, blended_tier_rank
            ) as bigint
        ) as population
    from scores

),

-- A share of less than one customer is one customer; who is level with the last is in as well.
int_tier_cuts as (

    select
        standings.policy_version,
        shares.tier_rank,
        standings.metric,
        standings.due_on,
        case
            when standings.metric = 'rank_blend' then {{ money("-max(standings.score)") }}
            -- Nothing is never among the top.
            else {{ money("greatest(max(standings.score), 0.0001)") }}
        end as cut
    from standings
    inner join shares
        on
            standings.policy_version = shares.policy_version
            and standings.metric = shares.metric
            and standings.blended_tier_rank in (0, shares.tier_rank)
    where standings.customers_in >= standings.population * shares.top_share
    group by
        standings.policy_version,
        shares.tier_rank,
        standings.metric,
        standings.due_on

)

select * from int_tier_cuts
