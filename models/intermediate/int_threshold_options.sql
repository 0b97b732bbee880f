with

breaks as (

    select * from {{ ref("stg_spend_breaks") }}

),

spend as (

    select * from {{ ref("int_active_spend") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

tier_benefits as (

    select * from {{ ref("tier_benefits") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

tiers_in_force as (

    select
        tier_rules.tier,
        tier_rules.tier_rank,
        max(
            case
                when tier_rules.metric = 'qualifying_spend' and tier_rules.rule = 'at_least'
                    then tier_rules.threshold
            end
        ) as threshold
    from tier_rules
    inner join policy on tier_rules.policy_version = policy.policy_version
    group by tier_rules.tier, tier_rules.tier_rank

),

-- Of twelve months above and below, and of spend by the policy's basis, as thresholds are.
averages as (

    select
        {{ ratio("sum(cm2_12m)", "sum(spend_12m)") }} as margin_share,
        {{ ratio("sum(orders_12m)", "sum(spend_12m)") }} as orders_per_spend
    from spend

),

benefit_costs as (

    select
        tier_benefits.tier,
        sum(
            case when tier_benefits.unit = 'order' then 0 else tier_benefits.unit_cost end
        ) as yearly_cost,
        sum(
            case when tier_benefits.unit = 'order' then tier_benefits.unit_cost else 0 end
        ) as cost_per_order
    from tier_benefits
    inner join policy on tier_benefits.policy_version = policy.policy_version
    group by tier_benefits.tier

),

-- The spend from which on the part of its margin that the programme may be thanked for pays for the
-- tier's benefits.
break_even as (

    select
        tiers_in_force.tier_rank,
        benefit_costs.yearly_cost / nullif(
            averages.margin_share * {{ parameter("threshold_incremental_share") }}
            - benefit_costs.cost_per_order * averages.orders_per_spend,
            0
        ) as threshold
    from tiers_in_force
    inner join benefit_costs on tiers_in_force.tier = benefit_costs.tier
    cross join averages

),

ranked as (

    select
        spend_12m,
        rank() over (order by spend_12m desc) as place,
        count(*) over () as customers
    from spend

),

-- As the cut of a tier: the part of a customer is a customer.
top_shares as (

    {%- for rank in [1, 2, 3] %}
    select
        {{ rank }} as tier_rank,
        min(spend_12m) as threshold
    from ranked
    where place < {{ money("customers * " ~ parameter("proposal_top_share_" ~ rank)) }} + 1
    {{- "\n\n    union all\n" if not loop.last }}
    {%- endfor %}

),

proposals as (

    select
        concat('natural_breaks_', cast(tier_count as {{ dbt.type_string() }})) as proposal,
        tier_rank,
        threshold,
        goodness_of_fit
    from breaks

    {%- for proposal, thresholds in [
        ("in_force", "tiers_in_force"), ("top_shares", "top_shares"), ("break_even", "break_even")
    ] %}

    union all

    select
        '{{ proposal }}' as proposal,
        tier_rank,
        cast(threshold as double) as threshold,
        cast(null as double) as goodness_of_fit
    from {{ thresholds }}
    {%- endfor %}

),

uplifts as (

    select cast(0 as double) as uplift_share

    union all

    select cast({{ parameter("exclusivity_uplift_low") }} as double) as uplift_share

    union all

    select cast({{ parameter("exclusivity_uplift_high") }} as double) as uplift_share

),

-- What is in force and what is a share are what they are; a higher tier never asks for less.
int_threshold_options as (

    select
        proposals.proposal,
        uplifts.uplift_share,
        proposals.tier_rank,
        proposals.goodness_of_fit,
        {{ money_of_double(
            "max(proposals.threshold * (1 + uplifts.uplift_share)) over ("
            ~ "partition by proposals.proposal, uplifts.uplift_share order by proposals.tier_rank)"
        ) }} as threshold
    from proposals
    cross join uplifts
    where
        proposals.threshold > 0
        and (uplifts.uplift_share = 0 or proposals.proposal not in ('in_force', 'top_shares'))

)

select * from int_threshold_options
