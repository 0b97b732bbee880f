with

tier_history as (

    select * from {{ ref("tier_history") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

spans as (

    select
        tier_history.customer_id,
        tier_history.tier,
        tier_history.tier_rank,
        tier_history.tier_rank_before,
        tier_history.valid_from,
        {{ lasts_until("tier_history.valid_to") }} as valid_until,
        tier_history.change_reason,
        sum(tier_history.tier_rank_before) over (
            partition by tier_history.customer_id
            order by tier_history.valid_from
            rows between unbounded preceding and current row
        ) > 0 as has_held_before
    from tier_history
    inner join customers on tier_history.customer_id = customers.customer_id
    where not customers.is_test

),

first_months as (

    -- The month of the day that earned the first tier.
    select {{ period_start(date_plus("min(valid_from)", -1, "day"), "month") }} as first_month
    from spans

),

months as (

    select
        {{ date_plus("first_months.first_month", "numbers.number", "month") }} as month_start,
        least(
            {{ date_plus("first_months.first_month", "numbers.number + 1", "month") }},
            {{ as_of_date() }}
        ) as month_end
    from first_months
    cross join {{ whole_numbers() }} as numbers
    where
        numbers.number < 1200
        and {{ date_plus("first_months.first_month", "numbers.number", "month") }}
        < {{ as_of_date() }}

),

ordered_days as (

    select
        customer_days.customer_id,
        {{ date_plus("customer_days.activity_date", 1, "day") }} as active_from,
        {{ leaves_rolling_months_on("customer_days.activity_date", 12) }} as leaves_on,
        {{ date_plus(
            "lead(customer_days.activity_date) over ("
            ~ "partition by customer_days.customer_id order by customer_days.activity_date)",
            1,
            "day",
        ) }} as next_active_from
    from customer_days
    inner join customers on customer_days.customer_id = customers.customer_id
    where customer_days.orders > 0 and not customers.is_test

),

-- An order makes its customer active until it leaves the year, or until the next one does.
orders as (

    select
        customer_id,
        active_from,
        least(leaves_on, coalesce(next_active_from, leaves_on)) as active_until
    from ordered_days

),

activity as (

    select
        active_from as changed_on,
        1 as customers
    from orders

    union all

    select
        active_until as changed_on,
        -1 as customers
    from orders

),

daily_activity as (

    select
        changed_on,
        sum(customers) as customers
    from activity
    group by changed_on

),

active_customers as (

    select
        months.month_start,
        cast(sum(daily_activity.customers) as bigint) as active_customers
    from months
    inner join daily_activity on months.month_end >= daily_activity.changed_on
    group by months.month_start

),

-- Who keeps a tier by grace and has not bought for a year is a member and not active.
active_spans as (

    select
        spans.tier_rank,
        greatest(spans.valid_from, orders.active_from) as active_from,
        least(spans.valid_until, orders.active_until) as active_until
    from spans
    inner join orders
        on
            spans.customer_id = orders.customer_id
            and spans.valid_from < orders.active_until
            and spans.valid_until > orders.active_from

),

member_activity as (

    select
        tier_rank,
        active_from as changed_on,
        1 as members
    from active_spans

    union all

    select
        tier_rank,
        active_until as changed_on,
        -1 as members
    from active_spans

),

daily_member_activity as (

    select
        tier_rank,
        changed_on,
        sum(members) as members
    from member_activity
    group by tier_rank, changed_on

),

active_members as (

    select
        months.month_start,
        daily_member_activity.tier_rank,
        cast(sum(daily_member_activity.members) as bigint) as active_members
    from months
    inner join daily_member_activity on months.month_end >= daily_member_activity.changed_on
    group by months.month_start, daily_member_activity.tier_rank

),

-- Versions may call a rank differently: it has the name it had last.
tiers as (

    select
        tier_rank,
        max_by(tier, valid_from) as tier
    from spans
    where tier_rank > 0
    group by tier_rank

),

members as (

    select
        months.month_start,
        spans.tier_rank,
        sum(
            case
                when
                    spans.valid_from <= months.month_start
                    and spans.valid_until > months.month_start
                    then 1
                else 0
            end
        ) as members_at_start,
        sum(
            case
                when
                    spans.valid_from <= months.month_end
                    and spans.valid_until > months.month_end
                    then 1
                else 0
            end
        ) as members_at_end
    from months
    inner join spans
        on
            months.month_end >= spans.valid_from
            and months.month_start < spans.valid_until
    group by months.month_start, spans.tier_rank

),

-- Who moves on the first of a month is counted there at its start: the move is of the month before.
entries as (

    select
        {{ period_start(date_plus("valid_from", -1, "day"), "month") }} as month_start,
        tier_rank,
        sum(case when tier_rank_before < tier_rank then 1 else 0 end) as entered_from_below,
        sum(case when tier_rank_before > tier_rank then 1 else 0 end) as entered_from_above,
        sum(case when tier_rank_before = 0 and has_held_before then 1 else 0 end) as reactivated
    from spans
    where tier_rank <> tier_rank_before
    group by {{ period_start(date_plus("valid_from", -1, "day"), "month") }}, tier_rank

),

departures as (

    select
        {{ period_start(date_plus("valid_from", -1, "day"), "month") }} as month_start,
        tier_rank_before as tier_rank,
        sum(case when tier_rank > tier_rank_before then 1 else 0 end) as left_upwards,
        sum(case when tier_rank < tier_rank_before then 1 else 0 end) as left_downwards
    from spans
    where tier_rank <> tier_rank_before
    group by {{ period_start(date_plus("valid_from", -1, "day"), "month") }}, tier_rank_before

),

counted as (

    select
        months.month_start,
        months.month_end,
        tiers.tier,
        tiers.tier_rank,
        cast(coalesce(members.members_at_start, 0) as bigint) as members_at_start,
        cast(coalesce(entries.entered_from_below, 0) as bigint) as entered_from_below,
        cast(coalesce(entries.entered_from_above, 0) as bigint) as entered_from_above,
        cast(coalesce(entries.reactivated, 0) as bigint) as reactivated,
        cast(coalesce(departures.left_upwards, 0) as bigint) as left_upwards,
        cast(coalesce(departures.left_downwards, 0) as bigint) as left_downwards,
        cast(coalesce(members.members_at_end, 0) as bigint) as members_at_end,
        coalesce(active_members.active_members, 0) as active_members_at_end,
        coalesce(active_customers.active_customers, 0) as active_customers
    from months
    cross join tiers
    left join members
        on
            months.month_start = members.month_start
            and tiers.tier_rank = members.tier_rank
    left join entries
        on
            months.month_start = entries.month_start
            and tiers.tier_rank = entries.tier_rank
    left join departures
        on
            months.month_start = departures.month_start
            and tiers.tier_rank = departures.tier_rank
    left join active_members
        on
            months.month_start = active_members.month_start
            and tiers.tier_rank = active_members.tier_rank
    left join active_customers on months.month_start = active_customers.month_start

),

tier_movements as (

    select
        {{ as_of_date() }} as as_of_date,
        month_start as month_start_date,
        month_end as month_end_date,
        tier,
        tier_rank,
        members_at_start,
        entered_from_below,
        entered_from_above,
        reactivated,
        left_upwards,
        left_downwards,
        members_at_end,
        {{ ratio("left_upwards", "members_at_start") }} as upgrade_rate,
        {{ ratio("left_downwards", "members_at_start") }} as demotion_rate,
        active_members_at_end,
        active_customers,
        {{ ratio("active_members_at_end", "active_customers") }} as share_of_active
    from counted

)

select * from tier_movements
