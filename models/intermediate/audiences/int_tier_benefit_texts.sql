with

benefits as (

    select * from {{ ref("tier_benefits") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

int_tier_benefit_texts as (

    select
        benefits.tier,
        {{ text_list("benefits.kind") }} as benefit
    from benefits
    inner join policy on benefits.policy_version = policy.policy_version
    group by benefits.tier

)

select * from int_tier_benefit_texts
