with

customers as (

    select * from {{ ref("customer_value") }}

),

segments as (

    select * from {{ ref("customer_segments") }}
    where not is_test

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

browsing as (

    select * from {{ ref("int_segment_browsing") }}

),

potential as (

    select * from {{ ref("int_customer_potential") }}

),

lookalikes as (

    select * from {{ ref("vip_lookalikes") }}
    where is_vip_lookalike

),

-- The higher the weight, the further up the list.
listed as (

    select
        'potential_vip' as list_id,
        segments.customer_id,
        {{ ratio("potential.projected_spend_12m", "potential.spend_asked") }} as weight,
        'a year at this rate '
        || cast(cast(potential.projected_spend_12m as decimal(18, 0)) as {{ dbt.type_string() }})
        || ' of '
        || cast(cast(potential.spend_asked as decimal(18, 0)) as {{ dbt.type_string() }})
            as evidence
    from segments
    inner join potential on segments.customer_id = potential.customer_id
    where segments.is_potential_vip

    union all

    select
        'inactive_high_potential' as list_id,
        segments.customer_id,
        cast(customers.cm3_lifetime as double) as weight,
        'earned '
        || cast(cast(customers.cm3_lifetime as decimal(18, 0)) as {{ dbt.type_string() }})
        || ', last order '
        || cast(customers.recency_days as {{ dbt.type_string() }}) || ' days ago' as evidence
    from segments
    inner join customers on segments.customer_id = customers.customer_id
    where segments.is_inactive_high_potential

    union all

    -- Whom an offer can keep: a usual order or two closes the gap. A discount is for who needs one.
    select
        'keep_tier' as list_id,
        segments.customer_id,
        cast(customers.cm2_12m as double) as weight,
        'misses '
        || cast(cast(ceil(tiers.spend_to_keep_tier) as int) as {{ dbt.type_string() }})
        || ' of ' || tiers.tier
        || ' by ' || cast(tiers.projected_demotion_on as {{ dbt.type_string() }})
        || case
            when segments.discount_sensitivity in ('occasional', 'dependent') then ': a discount'
            else ': a reason to come, no discount'
        end as evidence
    from segments
    inner join customers on segments.customer_id = customers.customer_id
    inner join tiers on segments.customer_id = tiers.customer_id
    where
        tiers.tier_status = 'at_risk_vip'
        and tiers.spend_to_keep_tier > 0
        and tiers.spend_to_keep_tier
        <= customers.average_order_value_12m * {{ parameter("keep_offer_orders") }}

    union all

    select
        'needs_care' as list_id,
        customer_id,
        cast(care_points as double) as weight,
        care_signals as evidence
    from segments
    where needs_care

    union all

    select
        'early_signals' as list_id,
        segments.customer_id,
        cast(segments.early_points as double) as weight,
        segments.early_signals as evidence
    from segments
    inner join tiers on segments.customer_id = tiers.customer_id
    where
        segments.has_early_signals
        and segments.vip_since is null
        and tiers.exclusion_id is null

    union all

    select
        'vip_lookalike' as list_id,
        segments.customer_id,
        lookalikes.lookalike_score as weight,
        -- Of many the horizon is over: what became of others, and no forecast.
        'began as VIPs do: of 100 such '
        || cast(cast(100 * lookalikes.lookalike_score as int) as {{ dbt.type_string() }})
        || ' became one' as evidence
    from segments
    inner join lookalikes on segments.customer_id = lookalikes.customer_id
    inner join tiers on segments.customer_id = tiers.customer_id
    where tiers.exclusion_id is null

    union all

    select
        'browsed_not_bought' as list_id,
        segments.customer_id,
        cast(browsing.was_in_cart as int) * 1000000.0 + browsing.looks as weight,
        browsing.product_id
        || case when browsing.was_in_cart then ' in the cart, ' else ' ' end
        || cast(browsing.looks as {{ dbt.type_string() }})
        || case when browsing.looks = 1 then ' look' else ' looks' end as evidence
    from segments
    inner join browsing on segments.customer_id = browsing.customer_id

),

customer_lists as (

    select
        {{ as_of_date() }} as as_of_date,
        list_id,
        customer_id,
        cast(row_number() over (
            partition by list_id
            order by weight desc, customer_id asc
        ) as bigint) as place,
        evidence
    from listed

)

select * from customer_lists
