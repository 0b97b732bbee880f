with

customers as (

    select * from {{ ref("customer_value") }}

),

standings as (

    select * from {{ ref("int_tier_standings") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}
    where
        valid_from <= {{ as_of_date() }}
        and {{ lasts_until("valid_to") }} > {{ as_of_date() }}

),

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}
    where
        valid_from <= {{ as_of_date() }}
        and {{ lasts_until("valid_to") }} > {{ as_of_date() }}

),

blended_ranks as (

    select * from {{ ref("int_tier_blended_ranks") }}

),

-- The tier above the one held, and the one that was lost last.
targets as (

    select
        customers.customer_id,
        coalesce(standings.held_rank, 0) + 1 as tier_rank
    from customers
    left join standings on customers.customer_id = standings.customer_id

    union

    select
        customer_id,
        lost_rank as tier_rank
    from standings
    where lost_rank is not null

),

rules as (

    select
        targets.customer_id,
        targets.tier_rank,
        thresholds.metric,
        thresholds.rules_needed,
        thresholds.threshold,
        case
            when thresholds.metric = 'rank_blend' then blended_ranks.blended_rank
            else
                coalesce(
                    {{ customer_metric("thresholds.metric", "customers") }},
                    metric_spans.metric_value,
                    0
                )
        end as metric_value
    from targets
    inner join customers on targets.customer_id = customers.customer_id
    cross join policy
    inner join thresholds
        on
            policy.policy_version = thresholds.policy_version
            and targets.tier_rank = thresholds.tier_rank
    left join metric_spans
        on
            thresholds.policy_version = metric_spans.policy_version
            and thresholds.metric = metric_spans.metric
            and targets.customer_id = metric_spans.customer_id
    left join blended_ranks
        on
            thresholds.policy_version = blended_ranks.policy_version
            and thresholds.valid_from = blended_ranks.due_on
            and thresholds.tier_rank = blended_ranks.tier_rank
            and targets.customer_id = blended_ranks.customer_id
            and thresholds.metric = 'rank_blend'

),

measured as (

    select
        *,
        -- In a blend the lower place is the better.
        least(
            greatest(
                case
                    when metric = 'rank_blend'
                        then coalesce({{ ratio("threshold", "metric_value") }}, 0)
                    else {{ ratio("metric_value", "threshold") }}
                end,
                0
            ),
            1
        ) as progress,
        case when metric = 'qualifying_spend' then greatest(threshold - metric_value, 0) end
            as spend_missing
    from rules

),

int_tier_targets as (

    select
        customer_id,
        tier_rank,
        -- All rules: as far as the one that lags; any of them: as far as the one that leads.
        case when max(rules_needed) = 1 then max(progress) else min(progress) end as progress,
        {{ money(
            "case when max(rules_needed) = 1 then min(spend_missing) else max(spend_missing) end"
        ) }} as spend_missing
    from measured
    group by customer_id, tier_rank

)

select * from int_tier_targets
