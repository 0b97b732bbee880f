with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

tier_thresholds as (

    select * from {{ ref("int_tier_thresholds") }}

),

lowest_threshold as (

    select min(spend_threshold) as spend_threshold
    from tier_thresholds

),

-- Whoever never spent the lowest threshold in a lifetime never reached it in a year.
candidates as (

    select customer_days.customer_id
    from customer_days
    cross join lowest_threshold
    group by customer_days.customer_id, lowest_threshold.spend_threshold
    having sum(customer_days.gross_revenue) >= lowest_threshold.spend_threshold

),

-- What happens on a day counts from the next midnight until it leaves the window.
movements as (

    select
        policy_versions.policy_version,
        customer_days.customer_id,
        {{ date_plus("customer_days.activity_date", 1, "day") }} as counts_from,
        {{ leaves_window_on(
            "policy_versions.qualification_period", "customer_days.activity_date"
        ) }} as counts_until,
        {{ spend_by_basis("policy_versions.qualifying_spend_basis", "customer_days") }} as amount
    from customer_days
    inner join candidates on customer_days.customer_id = candidates.customer_id
    cross join policy_versions

),

changes as (

    select
        policy_version,
        customer_id,
        counts_from as changed_on,
        amount
    from movements
    where counts_from < counts_until

    union all

    select
        policy_version,
        customer_id,
        counts_until as changed_on,
        -amount as amount
    from movements
    where counts_from < counts_until

),

daily_changes as (

    select
        policy_version,
        customer_id,
        changed_on,
        sum(amount) as amount
    from changes
    group by policy_version, customer_id, changed_on

),

spans as (

    select
        policy_version,
        customer_id,
        changed_on,
        lead(changed_on) over (
            partition by policy_version, customer_id
            order by changed_on
        ) as next_changed_on,
        sum(amount) over (
            partition by policy_version, customer_id
            order by changed_on
            rows between unbounded preceding and current row
        ) as qualifying_spend
    from daily_changes

),

-- Each version of the policy rules its own dates only.
int_qualifying_spend_spans as (

    select
        spans.customer_id,
        spans.policy_version,
        greatest(spans.changed_on, policy_versions.effective_from) as valid_from,
        least(spans.next_changed_on, policy_versions.effective_to) as valid_to,
        {{ money("spans.qualifying_spend") }} as qualifying_spend
    from spans
    inner join policy_versions on spans.policy_version = policy_versions.policy_version
    where
        spans.changed_on < coalesce(policy_versions.effective_to, cast('9999-12-31' as date))
        and coalesce(spans.next_changed_on, cast('9999-12-31' as date))
        > policy_versions.effective_from

)

select * from int_qualifying_spend_spans
