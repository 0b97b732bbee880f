with

entitlements as (

    select * from {{ ref("tier_entitlements") }}

),

tier_promises as (

    select
        {{ as_of_date() }} as as_of_date,
        tier,
        tier_rank,
        {{ text_list("kind") }} as benefits,
        {{ ratio(
            "max(case when kind = 'discount' and unit = 'percent of price' then amount end)", 100
        ) }} as discount_share,
        max(
            case when kind = 'price_protection' and unit = 'days' then cast(amount as int) end
        ) as price_protection_days,
        max(case when kind = 'expedited_shipping' then 1 else 0 end) = 1 as is_shipped_first,
        policy_version
    from entitlements
    group by policy_version, tier, tier_rank

)

select * from tier_promises
