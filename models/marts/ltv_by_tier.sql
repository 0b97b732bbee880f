with

customer_ltv as (

    select * from {{ ref("customer_ltv") }}

),

customer_tiers as (

    select * from {{ ref("customer_tiers") }}

),

tier_history as (

    select * from {{ ref("tier_history") }}

),

scores as (

    select * from {{ ref("int_ltv_backtest_scores") }}
    where fitted_on = {{ as_of_date() }}

),

methods as (

    select * from {{ ref("int_ltv_methods") }}
    where fitted_on = {{ as_of_date() }}

),

-- A tier that nobody holds is told of as well.
tiers as (

    select
        tier,
        tier_rank
    from {{ ref("int_tiers_in_force") }}

    union all

    select
        'none' as tier,
        0 as tier_rank

),

tonight as (

    select
        customer_tiers.tier_rank,
        count(*) as customers,
        sum(customer_ltv.cm3_lifetime) as cm3_lifetime,
        sum(customer_ltv.projected_ltv_12m) as projected_ltv_12m,
        sum(customer_ltv.projected_ltv_24m) as projected_ltv_24m
    from customer_tiers
    inner join customer_ltv on customer_tiers.customer_id = customer_ltv.customer_id
    where not customer_ltv.is_test and customer_ltv.method is not null
    group by customer_tiers.tier_rank

),

-- By the tier held at the split: tonight's is a consequence of what was bought since. Versions may
-- call a rank differently.
backtest as (

    select
        coalesce(tier_history.tier_rank, 0) as tier_rank,
        count(*) as customers,
        sum(scores.predicted_margin) as predicted_margin,
        sum(scores.actual_margin) as actual_margin
    from scores
    inner join methods
        on
            scores.method = methods.method
            and methods.is_chosen
    left join tier_history
        on
            scores.customer_id = tier_history.customer_id
            and methods.evaluated_on >= tier_history.valid_from
            and methods.evaluated_on
            < coalesce(tier_history.valid_to, cast('9999-12-31' as date))
    group by coalesce(tier_history.tier_rank, 0)

),

ltv_by_tier as (

    select
        {{ as_of_date() }} as as_of_date,
        tiers.tier,
        tiers.tier_rank,
        coalesce(tonight.customers, 0) as customers,
        {{ money("coalesce(tonight.cm3_lifetime, 0)") }} as cm3_lifetime,
        {{ money("coalesce(tonight.projected_ltv_12m, 0)") }} as projected_ltv_12m,
        {{ money("coalesce(tonight.projected_ltv_24m, 0)") }} as projected_ltv_24m,
        {{ money_of_double(ratio("tonight.cm3_lifetime", "tonight.customers")) }}
            as cm3_lifetime_per_customer,
        {{ money_of_double(ratio("tonight.projected_ltv_12m", "tonight.customers")) }}
            as projected_ltv_12m_per_customer,
        backtest.customers as backtest_customers,
        {{ money("backtest.predicted_margin") }} as backtest_predicted_margin,
        {{ money("backtest.actual_margin") }} as backtest_actual_margin,
        {{ ratio(
            "backtest.predicted_margin - backtest.actual_margin", "abs(backtest.actual_margin)"
        ) }} as backtest_total_error
    from tiers
    left join tonight on tiers.tier_rank = tonight.tier_rank
    left join backtest on tiers.tier_rank = backtest.tier_rank

)

select * from ltv_by_tier
