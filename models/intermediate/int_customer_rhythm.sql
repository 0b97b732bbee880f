with

customer_days as (

    select * from {{ ref("int_customer_days") }}

),

-- Two orders of one day are one occasion.
order_days as (

    select
        customer_id,
        activity_date,
        lag(activity_date) over (
            partition by customer_id
            order by activity_date
        ) as previous_date,
        row_number() over (
            partition by customer_id
            order by activity_date
        ) as day_number,
        count(*) over (partition by customer_id) as day_count
    from customer_days
    where orders > 0

),

gaps as (

    select
        customer_id,
        activity_date,
        day_count,
        {{ days_between("previous_date", "activity_date") }} as gap_days,
        day_count - day_number < {{ parameter("rhythm_gaps") }} as is_recent
    from order_days

),

rhythms as (

    select
        customer_id,
        max(day_count) as order_days,
        {{ days_between("max(activity_date)", as_of_date()) }} as days_since,
        count(gap_days) as gap_count,
        {{ pct("gap_days", 0.5) }} as median_gap_days,
        avg(case when is_recent then gap_days end) as recent_gap_days,
        avg(case when not is_recent then gap_days end) as earlier_gap_days
    from gaps
    group by customer_id

),

int_customer_rhythm as (

    select
        customer_id,
        order_days,
        days_since,
        gap_count,
        median_gap_days,
        case when gap_count >= {{ parameter("rhythm_gaps") }} then median_gap_days end
            as purchase_interval_days,
        case
            when gap_count >= {{ parameter("rhythm_gaps") }}
                then {{ ratio("days_since", "median_gap_days") }}
        end as overdue_ratio,
        -- A silence longer than the latest gaps is the latest gap: who stopped does not speed up.
        case
            when gap_count >= 2 * {{ parameter("rhythm_gaps") }}
                then earlier_gap_days / greatest(recent_gap_days, days_since) - 1
        end as frequency_acceleration
    from rhythms

)

select * from int_customer_rhythm
