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
    where kind in ('projection', 'evaluated')

),

evaluations as (

    select * from {{ ref("int_tier_evaluations") }}

),

uses as (

    select
        policy_version,
        metric
    from tier_rules

    union

    select
        policy_version,
        metric
    from tier_exclusions

),

asked as (

    select
        uses.policy_version,
        tier_metrics.metric,
        tier_metrics.kind
    from uses
    inner join tier_metrics on uses.metric = tier_metrics.metric

    union

    -- The places of a blend are asked as one.
    select
        policy_version,
        combiner as metric,
        combiner as kind
    from tier_rules
    where combiner = 'rank_blend'

),

versions as (

    select distinct
        policy_versions.policy_version,
        policy_versions.effective_from,
        policy_versions.effective_to,
        policy_versions.reevaluation
    from policy_versions
    inner join asked on policy_versions.policy_version = asked.policy_version

),

-- A year of evaluations to come: what is asked of them moves with no further orders as well.
days_to_come as (

    select {{ date_plus(as_of_date(), "numbers.number", "day") }} as calendar_day
    from {{ whole_numbers() }} as numbers
    where numbers.number between 1 and 366

),

dates as (

    select
        versions.policy_version,
        evaluations.evaluated_on as asked_on
    from versions
    inner join evaluations on versions.policy_version = evaluations.policy_version

    union

    select
        versions.policy_version,
        days_to_come.calendar_day as asked_on
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

spans as (

    select
        versions.policy_version,
        dates.asked_on,
        coalesce(
            lead(dates.asked_on) over (
                partition by versions.policy_version
                order by dates.asked_on
            ),
            versions.effective_to
        ) as next_asked_on
    from dates
    inner join versions on dates.policy_version = versions.policy_version

),

int_tier_metric_dates as (

    select
        spans.policy_version,
        asked.metric,
        asked.kind,
        spans.asked_on,
        spans.next_asked_on
    from spans
    inner join asked on spans.policy_version = asked.policy_version

)

select * from int_tier_metric_dates
