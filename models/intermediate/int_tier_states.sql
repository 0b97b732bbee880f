with

measures as (

    select * from {{ ref("int_tier_measures") }}
    where kind in ('state', 'projection')

),

suppressions as (

    select * from {{ ref("stg_suppressions") }}
    where lower(trim(reason)) = 'fraud'

),

customers as (

    select * from {{ ref("stg_customers") }}

),

payments as (

    select * from {{ ref("stg_orders") }}

),

orders as (

    select * from {{ ref("int_orders_costed") }}

),

projection_dates as (

    select * from {{ ref("int_tier_metric_dates") }}
    where metric = 'projected_ltv_12m'

),

projections as (

    select * from {{ ref("int_ltv_projections") }}

),

-- A suppression holds for whom it names, and for every account with the phone it names.
suppressed as (

    select
        customers.customer_id,
        suppressions.from_at,
        suppressions.until_at
    from suppressions
    inner join customers on suppressions.customer_id = customers.customer_id

    union all

    select
        customers.customer_id,
        suppressions.from_at,
        suppressions.until_at
    from suppressions
    inner join customers on suppressions.phone_e164 = customers.phone_e164
    where coalesce(suppressions.customer_id, '') <> customers.customer_id

),

states as (

    select
        'fraud_suppressions' as metric,
        customer_id,
        {{ next_midnight("from_at") }} as counts_from,
        -- The first moment at which it no longer holds may itself be a midnight.
        case
            when until_at = cast(cast(until_at as date) as timestamp) then cast(until_at as date)
            else {{ next_midnight("until_at") }}
        end as counts_until,
        {{ money("1") }} as amount
    from suppressed

    union all

    select
        'overdue_amount' as metric,
        orders.customer_id,
        {{ next_midnight("payments.due_at") }} as counts_from,
        {{ next_midnight("payments.paid_at") }} as counts_until,
        orders.net_revenue as amount
    from payments
    inner join orders on payments.order_id = orders.order_id
    where orders.customer_id is not null and {{ is_before_as_of("payments.due_at") }}

),

int_tier_states as (

    select
        measures.policy_version,
        states.metric,
        states.customer_id,
        states.counts_from,
        states.counts_until,
        states.amount
    from states
    inner join measures on states.metric = measures.metric
    where states.counts_until is null or states.counts_from < states.counts_until

    union all

    -- What was projected on an evaluation stands until the next one.
    select
        projection_dates.policy_version,
        'projected_ltv_12m' as metric,
        projections.customer_id,
        projection_dates.asked_on as counts_from,
        projection_dates.next_asked_on as counts_until,
        projections.projected_ltv_12m as amount
    from projection_dates
    inner join projections on projection_dates.asked_on = projections.projected_on
    inner join measures
        on
            projection_dates.policy_version = measures.policy_version
            and measures.metric = 'projected_ltv_12m'
    where projections.projected_ltv_12m is not null

)

select * from int_tier_states
