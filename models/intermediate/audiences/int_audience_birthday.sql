with

yearly_days as (

    select * from {{ ref("int_customer_yearly_days") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

benefits as (

    select * from {{ ref("tier_benefits") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

gifts as (

    select
        benefits.tier,
        benefits.benefit_id,
        benefits.amount
    from benefits
    inner join policy on benefits.policy_version = policy.policy_version
    where benefits.kind = 'birthday_gift'

),

int_audience_birthday as (

    select
        yearly_days.customer_id,
        -- The occasion is published: the day, not the age.
        cast(yearly_days.day_on as {{ dbt.type_string() }}) as subject_id,
        cast(yearly_days.day_on as {{ dbt.type_timestamp() }}) as occurred_at,
        {{ days_after("yearly_days.day_on", "celebration_days") }}
            as expires_at,
        {{ merge_fields(amount="gifts.amount", benefit="gifts.benefit_id") }}
    from yearly_days
    inner join tiers on yearly_days.customer_id = tiers.customer_id
    left join gifts on tiers.tier = gifts.tier
    where yearly_days.kind = 'birthday'

)

select * from int_audience_birthday
