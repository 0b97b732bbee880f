with

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

lifecycle as (

    select * from {{ ref("int_customer_lifecycle") }}

),

orders as (

    select * from {{ ref("int_segment_customer_orders") }}

),

-- A year at the rate of the last months, less what usually comes back.
run_rates as (

    select
        customers.customer_id,
        customers.is_test,
        tiers.tier_rank,
        tiers.tier_since,
        tiers.exclusion_id,
        lifecycle.lifecycle_stage,
        orders.run_rate_orders,
        customers.cm3_lifetime,
        customers.orders_lifetime,
        tiers.qualifying_spend + tiers.spend_to_next_tier as spend_asked,
        {{ money_of_double(
            "orders.run_rate_revenue * 365.0 / " ~ parameter("run_rate_days")
            ~ " * (1 - least(coalesce(customers.return_rate_12m, 0), 1))"
        ) }} as projected_spend_12m
    from customers
    inner join tiers on customers.customer_id = tiers.customer_id
    inner join lifecycle on customers.customer_id = lifecycle.customer_id
    left join orders on customers.customer_id = orders.customer_id

),

ranked as (

    select
        customer_id,
        rank() over (order by cm3_lifetime desc) as lifetime_rank,
        count(*) over () as buyers
    from run_rates
    where orders_lifetime > 0 and not is_test

),

int_customer_potential as (

    select
        run_rates.customer_id,
        run_rates.projected_spend_12m,
        run_rates.spend_asked,
        case
            when
                run_rates.is_test
                or run_rates.tier_rank > 0
                or run_rates.exclusion_id is not null
                then false
            when run_rates.spend_asked is not null
                then coalesce(
                    run_rates.run_rate_orders >= {{ parameter("run_rate_min_orders") }}
                    and run_rates.projected_spend_12m >= run_rates.spend_asked,
                    false
                )
        end as is_potential_vip,
        coalesce(
            run_rates.lifecycle_stage in ('at_risk', 'lapsed')
            and not run_rates.is_test
            and run_rates.exclusion_id is null
            and run_rates.cm3_lifetime > 0
            and (
                run_rates.tier_since is not null
                or ranked.lifetime_rank
                <= ceil({{ parameter("high_potential_share") }} * ranked.buyers)
            ),
            false
        ) as is_inactive_high_potential
    from run_rates
    left join ranked on run_rates.customer_id = ranked.customer_id

)

select * from int_customer_potential
