with

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}

),

tier_exclusions as (

    select * from {{ ref("tier_exclusions") }}

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

conditions as (

    select
        policy_version,
        metric,
        rule
    from tier_rules

    union

    select
        policy_version,
        metric,
        rule
    from tier_exclusions

),

-- What is told on some days only: who is in a top share, and what is not followed day by day.
evaluated as (

    select distinct conditions.policy_version
    from conditions
    left join tier_metrics on conditions.metric = tier_metrics.metric
    where conditions.rule = 'top_share' or tier_metrics.kind in ('projection', 'evaluated')

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

first_days as (

    select min(activity_date) as first_day
    from customer_days

),

days as (

    select {{ date_plus("first_days.first_day", "numbers.number", "day") }} as calendar_day
    from first_days
    cross join {{ whole_numbers() }} as numbers

),

-- The first day of a version takes a cut as well: until the cadence comes round it has no other.
due_dates as (

    select
        policy_version,
        effective_from as due_on
    from policy_versions

    union

    select
        policy_versions.policy_version,
        days.calendar_day as due_on
    from policy_versions
    inner join days
        on
            policy_versions.effective_from < days.calendar_day
            and {{ lasts_until("policy_versions.effective_to") }} > days.calendar_day
    where
        days.calendar_day <= {{ as_of_date() }}
        and days.calendar_day = {{ cadence_on_or_after(
            "days.calendar_day", "policy_versions.reevaluation", "policy_versions.effective_from"
        ) }}

),

-- A version to come is judged by what is known tonight; the last cut holds until it is renewed.
int_tier_evaluations as (

    select
        due_dates.policy_version,
        due_dates.due_on,
        coalesce(
            lead(due_dates.due_on) over (
                partition by due_dates.policy_version
                order by due_dates.due_on
            ),
            policy_versions.effective_to
        ) as next_due_on,
        least(due_dates.due_on, {{ as_of_date() }}) as evaluated_on
    from due_dates
    inner join evaluated on due_dates.policy_version = evaluated.policy_version
    inner join policy_versions on due_dates.policy_version = policy_versions.policy_version

)

select * from int_tier_evaluations
