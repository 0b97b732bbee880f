with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

benefits as (

    select * from {{ ref("int_tier_benefit_texts") }}

),

int_audience_benefit_reminder as (

    select
        tiers.customer_id,
        cast({{ period_start(as_of_date(), "quarter") }} as {{ dbt.type_string() }}) as subject_id,
        {{ moment_of(period_start(as_of_date(), "quarter")) }} as occurred_at,
        {{ moment_of(
            date_plus(period_start(as_of_date(), "quarter"), parameter("reminder_days"), "day")
        ) }} as expires_at,
        {{ merge_fields(benefit="benefits.benefit") }}
    from tiers
    inner join benefits on tiers.tier = benefits.tier

)

select * from int_audience_benefit_reminder
