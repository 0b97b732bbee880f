{%- set no_end = "cast('9999-12-31' as date)" -%}
with

rule_spans as (

    select * from {{ ref("int_tier_rule_spans") }}

),

exclusion_spans as (

    select * from {{ ref("int_tier_exclusion_spans") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

lives as (

    select
        customer_id,
        min(valid_from) as first_day
    from rule_spans
    group by customer_id

),

-- Every day on which something may change: a rule, an exclusion, the policy itself.
days as (

    select
        customer_id,
        valid_from as turn_day
    from rule_spans

    union

    select
        customer_id,
        valid_to as turn_day
    from rule_spans
    where valid_to < {{ no_end }}

    union

    select
        exclusion_spans.customer_id,
        exclusion_spans.valid_from as turn_day
    from exclusion_spans
    inner join lives on exclusion_spans.customer_id = lives.customer_id

    union

    select
        exclusion_spans.customer_id,
        exclusion_spans.valid_to as turn_day
    from exclusion_spans
    inner join lives on exclusion_spans.customer_id = lives.customer_id
    where exclusion_spans.valid_to < {{ no_end }}

    union

    select
        lives.customer_id,
        policy_versions.effective_from as turn_day
    from lives
    inner join policy_versions on lives.first_day < policy_versions.effective_from

),

versioned_days as (

    select
        days.customer_id,
        days.turn_day,
        policy_versions.policy_version
    from days
    inner join policy_versions
        on
            days.turn_day >= policy_versions.effective_from
            and days.turn_day < {{ lasts_until("policy_versions.effective_to") }}

),

ranked_days as (

    select
        versioned_days.customer_id,
        versioned_days.policy_version,
        versioned_days.turn_day,
        coalesce(max(rule_spans.tier_rank), 0) as tier_rank
    from versioned_days
    left join rule_spans
        on
            versioned_days.customer_id = rule_spans.customer_id
            and versioned_days.policy_version = rule_spans.policy_version
            and versioned_days.turn_day >= rule_spans.valid_from
            and versioned_days.turn_day < rule_spans.valid_to
    group by versioned_days.customer_id, versioned_days.policy_version, versioned_days.turn_day

),

excluded_days as (

    select
        versioned_days.customer_id,
        versioned_days.turn_day,
        min(exclusion_spans.exclusion_id) as exclusion_id
    from versioned_days
    inner join exclusion_spans
        on
            versioned_days.customer_id = exclusion_spans.customer_id
            and versioned_days.policy_version = exclusion_spans.policy_version
            and versioned_days.turn_day >= exclusion_spans.valid_from
            and versioned_days.turn_day < exclusion_spans.valid_to
    group by versioned_days.customer_id, versioned_days.turn_day

),

qualified_days as (

    select
        ranked_days.customer_id,
        ranked_days.policy_version,
        ranked_days.turn_day,
        excluded_days.exclusion_id,
        case
            when excluded_days.exclusion_id is null then ranked_days.tier_rank
            else 0
        end as qualified_rank
    from ranked_days
    left join excluded_days
        on
            ranked_days.customer_id = excluded_days.customer_id
            and ranked_days.turn_day = excluded_days.turn_day

),

compared as (

    select
        *,
        lag(qualified_rank) over (partition by customer_id order by turn_day) as earlier_rank,
        lag(policy_version) over (partition by customer_id order by turn_day) as earlier_version,
        lag(exclusion_id) over (partition by customer_id order by turn_day) as earlier_exclusion_id
    from qualified_days

),

-- One row where the qualified tier, an exclusion or the policy changes.
turns as (

    select
        customer_id,
        policy_version,
        turn_day as valid_from,
        qualified_rank,
        exclusion_id
    from compared
    where
        coalesce(earlier_rank, 0) <> qualified_rank
        or coalesce(earlier_exclusion_id, '') <> coalesce(exclusion_id, '')
        or earlier_version <> policy_version

),

int_tier_qualifications as (

    select
        customer_id,
        policy_version,
        valid_from,
        lead(valid_from) over (partition by customer_id order by valid_from) as valid_to,
        qualified_rank,
        exclusion_id,
        row_number() over (partition by customer_id order by valid_from) as span_number
    from turns

)

select * from int_tier_qualifications
