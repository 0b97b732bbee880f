-- noqa: disable=layout.indent
-- Each sum is taken the same way; the loop is indented as what it writes.
with

options as (

    select * from {{ ref("int_threshold_options") }}

),

spend as (

    select * from {{ ref("int_active_spend") }}

),

tier_benefits as (

    select * from {{ ref("tier_benefits") }}

),

tiers as (

    select * from {{ ref("int_tiers_in_force") }}

),

everybody as (

    select
        count(*) as customers,
        sum(spend_12m) as spend_12m
    from spend

),

thresholds as (

    select distinct threshold
    from options

),

reached as (

    select
        thresholds.threshold,
        count(*) as customers,
        sum(spend.spend_12m) as spend_12m,
        sum(spend.orders_12m) as orders_12m,
        sum(spend.cm2_12m) as cm2_12m
    from thresholds
    inner join spend on thresholds.threshold <= spend.spend_12m
    group by thresholds.threshold

),

ladders as (

    select
        options.proposal,
        options.uplift_share,
        options.tier_rank,
        options.threshold,
        options.goodness_of_fit,
        {%- for column in ["customers", "spend_12m", "orders_12m", "cm2_12m"] %}
        coalesce(reached.{{ column }}, 0) as {{ column }}_from_here,
        coalesce(reached.{{ column }}, 0) - coalesce(
            lead(reached.{{ column }}) over (
                partition by options.proposal, options.uplift_share
                order by options.tier_rank
            ),
            0
        ) as {{ column }}{{ "," if not loop.last }}
        {%- endfor %}
    from options
    left join reached on options.threshold = reached.threshold

),

-- The benefits of the policy in force by rank; a tier above its top has those of the top.
benefits as (

    select
        tiers.tier_rank,
        sum(
            case when tier_benefits.unit = 'order' then 0 else tier_benefits.unit_cost end
        ) as yearly_cost,
        sum(
            case when tier_benefits.unit = 'order' then tier_benefits.unit_cost else 0 end
        ) as cost_per_order,
        max(
            case when tier_benefits.kind = 'discount' then tier_benefits.amount else 0 end
        ) as discount_percent
    from tiers
    inner join tier_benefits
        on
            tiers.policy_version = tier_benefits.policy_version
            and tiers.tier = tier_benefits.tier
    group by tiers.tier_rank

),

top_rank as (

    select max(tier_rank) as tier_rank
    from benefits

),

threshold_proposals as (

    select
        {{ as_of_date() }} as as_of_date,
        ladders.proposal,
        ladders.uplift_share,
        ladders.tier_rank,
        ladders.threshold,
        cast(ladders.customers as bigint) as customers,
        {{ ratio("ladders.customers", "everybody.customers") }} as customer_share,
        cast(ladders.customers_from_here as bigint) as customers_from_here,
        {{ ratio("ladders.customers_from_here", "everybody.customers") }} as from_here_share,
        {{ money("ladders.spend_12m") }} as qualifying_spend,
        {{ ratio("ladders.spend_12m", "everybody.spend_12m") }} as spend_share,
        {{ ratio(
            ratio("ladders.spend_12m", "ladders.customers"),
            ratio("everybody.spend_12m", "everybody.customers"),
        ) }} as times_average_spend,
        coalesce(
            {{ ratio(
                ratio("ladders.spend_12m", "ladders.customers"),
                ratio("everybody.spend_12m", "everybody.customers"),
            ) }} >= {{ parameter("stands_out_times") }},
            false
        ) as is_standing_out,
        {{ money("ladders.cm2_12m") }} as cm2_12m,
        {{ money(
            "coalesce(benefits.yearly_cost, 0) * ladders.customers"
            ~ " + coalesce(benefits.cost_per_order, 0) * ladders.orders_12m"
        ) }} as benefit_cost,
        {{ money("coalesce(benefits.discount_percent, 0) * ladders.spend_12m / 100") }}
            as discount_at_full_use,
        {{ money(
            "ladders.cm2_12m - coalesce(benefits.yearly_cost, 0) * ladders.customers"
            ~ " - coalesce(benefits.cost_per_order, 0) * ladders.orders_12m"
        ) }} as margin_after_benefits,
        ladders.goodness_of_fit
    from ladders
    cross join everybody
    cross join top_rank
    left join benefits on benefits.tier_rank = least(ladders.tier_rank, top_rank.tier_rank)

)

select * from threshold_proposals
