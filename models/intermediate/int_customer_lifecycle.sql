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

lateness as (

    select * from {{ ref("int_customer_lateness") }}

),

-- Held without a break since the last day without a tier, or since the first with one.
vip_spells as (

    select
        customer_id,
        coalesce(max(case when tier_rank = 0 then valid_to end), min(valid_from)) as vip_since
    from tier_history
    group by customer_id

),

judged as (

    select
        customers.customer_id,
        customers.tenure_days,
        lateness.usual_gap_days,
        lateness.lateness_ratio,
        customers.recency_days >= {{ parameter("lapsed_days_max") }}
        or (
            customers.recency_days >= {{ parameter("lapsed_days_min") }}
            and lateness.lateness_ratio >= {{ parameter("lapsed_overdue_ratio") }}
        ) as is_lapsed,
        customers.recency_days >= {{ parameter("at_risk_days_min") }}
        and lateness.lateness_ratio >= {{ parameter("overdue_at_risk") }} as is_at_risk,
        orders.break_days >= {{ parameter("lapsed_days_max") }}
        or (
            orders.break_days >= {{ parameter("lapsed_days_min") }}
            and orders.break_days
            >= {{ parameter("lapsed_overdue_ratio") }} * lateness.usual_gap_days
        ) as is_won_back
    from customers
    left join lateness on customers.customer_id = lateness.customer_id
    left join orders on customers.customer_id = orders.customer_id
    where customers.orders_lifetime > 0

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
        judged.usual_gap_days,
        judged.lateness_ratio,
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
