with

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

tier_history as (

    select * from {{ ref("tier_history") }}

),

orders as (

    select * from {{ ref("int_segment_customer_orders") }}

),

-- Held without a break since the last day without a tier, or since the first with one.
vip_spells as (

    select
        customer_id,
        coalesce(max(case when tier_rank = 0 then valid_to end), min(valid_from)) as vip_since
    from tier_history
    group by customer_id

),

gaps as (

    select
        customer_id,
        is_test,
        greatest(orders_lifetime - 1, 0) as gap_count,
        case
            when orders_lifetime > 1 then {{ days_between("first_order_at", "last_order_at") }}
            else 0
        end as days_in_gaps
    from customers

),

brand_rhythm as (

    select
        {{ ratio("sum(case when not is_test then days_in_gaps end)",
                 "sum(case when not is_test then gap_count end)") }} as gap_days
    from gaps

),

-- The customer's own gaps beside a few of the brand's, so that two orders make no habit yet.
rhythms as (

    select
        customers.customer_id,
        customers.orders_lifetime,
        customers.recency_days,
        customers.tenure_days,
        orders.break_days,
        (gaps.days_in_gaps + {{ parameter("rhythm_prior_gaps") }} * brand_rhythm.gap_days)
        / nullif(gaps.gap_count + {{ parameter("rhythm_prior_gaps") }}, 0) as expected_gap_days
    from customers
    inner join gaps on customers.customer_id = gaps.customer_id
    cross join brand_rhythm
    left join orders on customers.customer_id = orders.customer_id
    where customers.orders_lifetime > 0

),

overdue as (

    select
        *,
        {{ ratio("recency_days", "expected_gap_days") }} as silence_ratio
    from rhythms

),

judged as (

    select
        *,
        recency_days >= {{ parameter("lapsed_days_max") }}
        or (
            recency_days >= {{ parameter("lapsed_days_min") }}
            and silence_ratio >= {{ parameter("lapsed_gap_ratio") }}
        ) as is_lapsed,
        recency_days >= {{ parameter("at_risk_days_min") }}
        and silence_ratio >= {{ parameter("at_risk_gap_ratio") }} as is_at_risk,
        break_days >= {{ parameter("lapsed_days_max") }}
        or (
            break_days >= {{ parameter("lapsed_days_min") }}
            and break_days >= {{ parameter("lapsed_gap_ratio") }} * expected_gap_days
        ) as is_won_back
    from overdue

),

vips as (

    select
        tiers.customer_id,
        vip_spells.vip_since,
        {{ days_between("vip_spells.vip_since", as_of_date()) }} as vip_days
    from tiers
    inner join vip_spells on tiers.customer_id = vip_spells.customer_id
    where tiers.tier_rank > 0

),

int_customer_lifecycle as (

    select
        customers.customer_id,
        vips.vip_since,
        judged.expected_gap_days,
        judged.silence_ratio,
        case
            when judged.customer_id is null then 'prospect'
            when judged.is_lapsed then 'lapsed'
            when judged.is_at_risk then 'at_risk'
            when judged.is_won_back then 'won_back'
            when vips.vip_days < {{ parameter("new_vip_days") }} then 'new_vip'
            when vips.vip_days >= {{ parameter("long_term_vip_days") }} then 'long_term_vip'
            when vips.customer_id is not null then 'vip'
            when judged.tenure_days < {{ parameter("new_customer_days") }} then 'new_customer'
            else 'active'
        end as lifecycle_stage
    from customers
    left join judged on customers.customer_id = judged.customer_id
    left join vips on customers.customer_id = vips.customer_id

)

select * from int_customer_lifecycle
