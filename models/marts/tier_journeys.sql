with

tier_history as (

    select * from {{ ref("tier_history") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("int_tiers_in_force") }}

),

spans as (

    select
        tier_history.customer_id,
        tier_history.tier_rank,
        tier_history.tier_rank_before,
        tier_history.valid_from,
        {{ days_between("customers.first_order_at", "tier_history.valid_from") }}
            as days_since_first_order
    from tier_history
    inner join customers on tier_history.customer_id = customers.customer_id
    where not customers.is_test

),

-- Whoever is in a tier has reached those below it as well.
reached as (

    select
        tiers.tier_rank,
        spans.customer_id,
        min(spans.days_since_first_order) as days_to_reach,
        min(spans.valid_from) as reached_on
    from tiers
    inner join spans on tiers.tier_rank <= spans.tier_rank
    group by tiers.tier_rank, spans.customer_id

),

losses as (

    select
        reached.tier_rank,
        reached.customer_id,
        min(spans.valid_from) as lost_on
    from reached
    inner join spans
        on
            reached.customer_id = spans.customer_id
            and reached.tier_rank <= spans.tier_rank_before
            and reached.tier_rank > spans.tier_rank
    group by reached.tier_rank, reached.customer_id

),

returns as (

    select distinct
        losses.tier_rank,
        losses.customer_id
    from losses
    inner join spans
        on
            losses.customer_id = spans.customer_id
            and losses.tier_rank <= spans.tier_rank
            and losses.tier_rank > spans.tier_rank_before
            and losses.lost_on < spans.valid_from

),

journeys as (

    select
        reached.tier_rank,
        count(*) as customers_reached,
        {{ pct("reached.days_to_reach", 0.25) }} as days_to_reach_lower_quartile,
        {{ pct("reached.days_to_reach", 0.5) }} as days_to_reach_median,
        {{ pct("reached.days_to_reach", 0.75) }} as days_to_reach_upper_quartile,
        count(losses.customer_id) as customers_lost,
        count(returns.customer_id) as customers_back
    from reached
    left join losses
        on
            reached.tier_rank = losses.tier_rank
            and reached.customer_id = losses.customer_id
    left join returns
        on
            reached.tier_rank = returns.tier_rank
            and reached.customer_id = returns.customer_id
    group by reached.tier_rank

),

tier_journeys as (

    select
        {{ as_of_date() }} as as_of_date,
        tiers.tier,
        tiers.tier_rank,
        coalesce(journeys.customers_reached, 0) as customers_reached,
        journeys.days_to_reach_lower_quartile,
        journeys.days_to_reach_median,
        journeys.days_to_reach_upper_quartile,
        coalesce(journeys.customers_lost, 0) as customers_lost,
        coalesce(journeys.customers_back, 0) as customers_back,
        {{ ratio("journeys.customers_lost", "journeys.customers_reached") }} as demotion_rate,
        {{ ratio("journeys.customers_back", "journeys.customers_lost") }} as reactivation_rate
    from tiers
    left join journeys on tiers.tier_rank = journeys.tier_rank

)

select * from tier_journeys
