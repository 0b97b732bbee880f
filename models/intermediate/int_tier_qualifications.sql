with

spend_spans as (

    select * from {{ ref("int_qualifying_spend_spans") }}

),

tier_thresholds as (

    select * from {{ ref("int_tier_thresholds") }}

),

ranked_spans as (

    select
        spend_spans.customer_id,
        spend_spans.policy_version,
        spend_spans.valid_from,
        coalesce(max(tier_thresholds.tier_rank), 0) as qualified_rank
    from spend_spans
    left join tier_thresholds
        on
            spend_spans.policy_version = tier_thresholds.policy_version
            and spend_spans.qualifying_spend >= tier_thresholds.spend_threshold
    group by spend_spans.customer_id, spend_spans.policy_version, spend_spans.valid_from

),

compared as (

    select
        *,
        lag(qualified_rank) over (partition by customer_id order by valid_from) as earlier_rank,
        lag(policy_version) over (partition by customer_id order by valid_from) as earlier_version
    from ranked_spans

),

-- One row where the qualified tier or the policy changes; a life begins with its first tier.
turns as (

    select
        customer_id,
        policy_version,
        valid_from,
        qualified_rank
    from compared
    where
        coalesce(earlier_rank, 0) <> qualified_rank
        or earlier_version <> policy_version

),

int_tier_qualifications as (

    select
        customer_id,
        policy_version,
        valid_from,
        lead(valid_from) over (partition by customer_id order by valid_from) as valid_to,
        qualified_rank,
        row_number() over (partition by customer_id order by valid_from) as span_number
    from turns

)

select * from int_tier_qualifications
