with

campaigns as (

    select * from {{ ref("stg_campaigns") }}

),

benefits as (

    select * from {{ ref("tier_benefits") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

int_early_access_windows as (

    select
        campaigns.campaign_id,
        campaigns.campaign_name,
        benefits.tier,
        cast(benefits.amount as {{ dbt.type_int() }}) as hours,
        {{ hours_after("coalesce(campaigns.ends_at, campaigns.starts_at)", "-benefits.amount") }}
            as opens_at,
        -- Early access ends where the public's begins.
        coalesce(campaigns.ends_at, campaigns.starts_at) as closes_at
    from campaigns
    cross join policy
    inner join benefits
        on
            policy.policy_version = benefits.policy_version
            and benefits.kind = 'early_access'
    where campaigns.message_type = 'early_access' and campaigns.starts_at is not null

)

select * from int_early_access_windows
