with

changes as (

    select * from {{ ref("tier_history") }}

),

benefits as (

    select * from {{ ref("int_tier_benefit_texts") }}

),

int_audience_tier_upgrade as (

    select
        changes.customer_id,
        changes.tier as subject_id,
        cast(changes.valid_from as {{ dbt.type_timestamp() }}) as occurred_at,
        cast(
            {{ date_plus("changes.valid_from", parameter("tier_news_days"), "day") }}
            as {{ dbt.type_timestamp() }}
        ) as expires_at,
        {{ merge_fields(benefit="benefits.benefit") }}
    from changes
    left join benefits on changes.tier = benefits.tier
    where changes.change_reason = 'upgraded' and changes.valid_to is null

)

select * from int_audience_tier_upgrade
