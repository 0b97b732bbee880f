with

values_of_day as (

    select * from {{ ref("int_tier_evaluated_values") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}
    where combiner = 'rank_blend'

),

-- The best is 1, who is level shares the better rank, and what is not known is the last.
ranks as (

    select
        policy_version,
        due_on,
        metric,
        customer_id,
        rank() over (
            partition by policy_version, due_on, metric
            order by metric_value desc nulls last
        ) as place
    from values_of_day

),

int_tier_blended_ranks as (

    select
        ranks.policy_version,
        ranks.due_on,
        tier_rules.tier_rank,
        ranks.customer_id,
        {{ money("sum(ranks.place * coalesce(tier_rules.weight, 1))") }} as blended_rank
    from ranks
    inner join tier_rules
        on
            ranks.policy_version = tier_rules.policy_version
            and ranks.metric = tier_rules.metric
    group by ranks.policy_version, ranks.due_on, tier_rules.tier_rank, ranks.customer_id

)

select * from int_tier_blended_ranks
