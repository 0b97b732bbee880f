with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

int_audience_benefit_reminder as (

    select
        tiers.customer_id,
        cast({{ period_start(as_of_date(), "quarter") }} as {{ dbt.type_string() }}) as subject_id,
        {{ moment_of(period_start(as_of_date(), "quarter")) }} as occurred_at,
        {{ moment_of(
            date_plus(period_start(as_of_date(), "quarter"), parameter("reminder_days"), "day")
        ) }} as expires_at,
        {{ merge_fields(benefit="promises.benefits") }}
    from tiers
    inner join promises on tiers.tier = promises.tier

)

select * from int_audience_benefit_reminder
