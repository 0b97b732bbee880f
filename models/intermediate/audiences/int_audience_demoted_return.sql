with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

changes as (

    select * from {{ ref("tier_history") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

int_audience_demoted_return as (

    select
        changes.customer_id,
        cast(changes.valid_from as {{ dbt.type_string() }}) as subject_id,
        {{ days_after("changes.valid_from", "return_after_days") }}
            as occurred_at,
        {{ days_after("changes.valid_from", "return_until_days") }}
            as expires_at,
        {{ merge_fields(amount="tiers.spend_to_earn_back", benefit="promises.benefits") }}
    from changes
    inner join tiers on changes.customer_id = tiers.customer_id
    left join promises on tiers.lost_tier = promises.tier
    where
        changes.change_reason = 'demoted'
        and changes.valid_to is null
        and tiers.lost_tier is not null
        and tiers.exclusion_id is null
        and {{ date_plus("changes.valid_from", parameter("return_after_days"), "day") }}
        <= {{ as_of_date() }}

)

select * from int_audience_demoted_return
