with

measures as (

    select * from {{ ref("int_tier_measures") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

earnings as (

    select * from {{ ref("int_customer_earnings") }}

),

states as (

    select * from {{ ref("int_tier_states") }}

),

metric_dates as (

    select * from {{ ref("int_tier_metric_dates") }}
    where kind = 'evaluated'

),

dated_values as (

    select * from {{ ref("stg_dated_values") }}

),

-- Few policies ask: where none does, texts and tickets are not even read.
earned as (

    select
        measures.measure_id,
        earnings.customer_id,
        earnings.booked_on,
        sum(
            case measures.numerator
                when 'cm1' then earnings.cm1
                when 'cm3' then earnings.cm3
                when 'cost_to_serve' then earnings.cost_to_serve
            end
        ) as amount
    from earnings
    inner join measures on measures.numerator in ('cm1', 'cm3', 'cost_to_serve')
    group by measures.measure_id, earnings.customer_id, earnings.booked_on

),

amounts as (

    select
        measures.measure_id,
        measures.metric,
        measures.qualification_period,
        measures.window_length,
        measures.window_unit,
        measures.lowest_threshold,
        customer_days.customer_id,
        customer_days.activity_date,
        {{ metric_component(
            "measures.numerator", "measures.qualifying_spend_basis", "customer_days"
        ) }} as amount,
        {{ metric_component(
            "measures.denominator", "measures.qualifying_spend_basis", "customer_days"
        ) }} as base
    from customer_days
    cross join measures
    where
        measures.kind in ('sum', 'ratio')
        and measures.numerator not in ('margin', 'cm1', 'cm3', 'cost_to_serve')

    union all

    select
        measures.measure_id,
        measures.metric,
        measures.qualification_period,
        measures.window_length,
        measures.window_unit,
        measures.lowest_threshold,
        margin_days.customer_id,
        margin_days.booked_on as activity_date,
        margin_days.margin as amount,
        {{ money("null") }} as base
    from margin_days
    cross join measures
    where measures.numerator = 'margin'

    union all

    select
        measures.measure_id,
        measures.metric,
        measures.qualification_period,
        measures.window_length,
        measures.window_unit,
        measures.lowest_threshold,
        earned.customer_id,
        earned.booked_on as activity_date,
        {{ money("earned.amount") }} as amount,
        {{ money("null") }} as base
    from earned
    inner join measures on earned.measure_id = measures.measure_id

),

reachers as (

    select
        metric,
        customer_id
    from amounts
    group by measure_id, metric, customer_id, lowest_threshold
    having lowest_threshold <= 0 or sum(greatest(amount, 0)) >= lowest_threshold

),

-- Who could reach a tier under one version is measured under all: a tier may outlive its version.
candidates as (

    select distinct
        metric,
        customer_id
    from reachers

),

-- What happens on a day counts from the next midnight until it leaves the window.
movements as (

    select
        amounts.measure_id,
        amounts.customer_id,
        {{ date_plus("amounts.activity_date", 1, "day") }} as counts_from,
        {{ leaves_metric_window_on(
            "amounts.window_unit",
            "amounts.window_length",
            "amounts.qualification_period",
            "amounts.activity_date",
        ) }} as counts_until,
        amounts.amount,
        amounts.base
    from amounts
    inner join candidates
        on
            amounts.customer_id = candidates.customer_id
            and amounts.metric = candidates.metric

    union all

    select
        measures.measure_id,
        states.customer_id,
        states.counts_from,
        states.counts_until,
        states.amount,
        {{ money("null") }} as base
    from states
    inner join measures
        on
            states.policy_version = measures.policy_version
            and states.metric = measures.metric

),

changes as (

    select
        measure_id,
        customer_id,
        counts_from as changed_on,
        amount,
        base
    from movements

    union all

    select
        measure_id,
        customer_id,
        counts_until as changed_on,
        -amount as amount,
        -base as base
    from movements
    where counts_until is not null

),

-- The sums are those of the whole day on each of its changes: the last one stands for all.
totals as (

    select
        measure_id,
        customer_id,
        changed_on,
        lead(changed_on) over (
            partition by customer_id, measure_id
            order by changed_on
        ) as next_changed_on,
        sum(amount) over (
            partition by customer_id, measure_id
            order by changed_on
            range between unbounded preceding and current row
        ) as amount,
        sum(base) over (
            partition by customer_id, measure_id
            order by changed_on
            range between unbounded preceding and current row
        ) as base
    from changes

),

int_tier_metric_spans as (

    select
        measures.policy_version,
        measures.metric,
        totals.customer_id,
        totals.changed_on as valid_from,
        totals.next_changed_on as valid_to,
        case
            when measures.kind = 'ratio'
                then {{ money_of_double(ratio("totals.amount", "totals.base")) }}
            else {{ money("totals.amount") }}
        end as metric_value
    from totals
    inner join measures on totals.measure_id = measures.measure_id
    where coalesce(totals.next_changed_on > totals.changed_on, true)

    union all

    -- What customer_value said on an evaluation stands until the next; what it did not know has no
    -- span, and is never a zero.
    select
        metric_dates.policy_version,
        metric_dates.metric,
        dated_values.customer_id,
        metric_dates.asked_on as valid_from,
        metric_dates.next_asked_on as valid_to,
        dated_values.metric_value
    from metric_dates
    inner join dated_values
        on
            metric_dates.asked_on = dated_values.asked_on
            and metric_dates.metric = dated_values.metric

)

select * from int_tier_metric_spans
