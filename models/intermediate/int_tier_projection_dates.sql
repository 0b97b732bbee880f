with

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

evaluations as (

    select * from {{ ref("int_tier_evaluations") }}

),

versions as (

    select distinct
        policy_versions.policy_version,
        policy_versions.effective_from,
        policy_versions.effective_to,
        policy_versions.reevaluation
    from policy_versions
    inner join tier_rules on policy_versions.policy_version = tier_rules.policy_version
    inner join tier_metrics
        on
            tier_rules.metric = tier_metrics.metric
            and tier_metrics.kind = 'projection'

),

-- A year of evaluations to come: with no further orders, projections fall as well.
days_to_come as (

    select {{ date_plus(as_of_date(), "numbers.number", "day") }} as calendar_day
    from {{ whole_numbers() }} as numbers
    where numbers.number between 1 and 366

),

dates as (

    select
        versions.policy_version,
        evaluations.evaluated_on as projected_on
    from versions
    inner join evaluations on versions.policy_version = evaluations.policy_version

    union

    select
        versions.policy_version,
        days_to_come.calendar_day as projected_on
    from versions
    inner join days_to_come
        on
            versions.effective_from <= days_to_come.calendar_day
            and {{ lasts_until("versions.effective_to") }} > days_to_come.calendar_day
    where
        days_to_come.calendar_day = versions.effective_from
        or days_to_come.calendar_day = {{ cadence_on_or_after(
            "days_to_come.calendar_day", "versions.reevaluation", "versions.effective_from"
        ) }}

),

int_tier_projection_dates as (

    select
        versions.policy_version,
        dates.projected_on,
        coalesce(
            lead(dates.projected_on) over (
                partition by versions.policy_version
                order by dates.projected_on
            ),
            versions.effective_to
        ) as next_projected_on
    from dates
    inner join versions on dates.policy_version = versions.policy_version

)

select * from int_tier_projection_dates
