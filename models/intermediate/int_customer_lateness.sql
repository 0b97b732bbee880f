with

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

order_days as (

    select
        margin_days.customer_id,
        margin_days.ordered_on,
        customers.is_test,
        lag(margin_days.ordered_on) over (
            partition by margin_days.customer_id
            order by margin_days.ordered_on
        ) as earlier_on
    from margin_days
    inner join customers on margin_days.customer_id = customers.customer_id
    where margin_days.orders > 0

),

gaps as (

    select
        customer_id,
        ordered_on,
        is_test,
        {{ days_between("earlier_on", "ordered_on") }} as gap_days
    from order_days

),

everybody as (

    select {{ pct("gap_days", 0.5) }} as gap_days
    from gaps
    where not is_test and gap_days is not null

),

own as (

    select
        customer_id,
        max(ordered_on) as last_ordered_on,
        count(gap_days) as gaps,
        {{ pct("gap_days", 0.5) }} as gap_days
    from gaps
    group by customer_id

),

-- A customer's own median counts by how many gaps it rests on, everybody's makes up the rest.
usual as (

    select
        own.customer_id,
        own.gaps,
        {{ days_between("own.last_ordered_on", as_of_date()) }} as days_since_order,
        {{ ratio(
            "own.gaps * coalesce(own.gap_days, 0) + "
            ~ parameter("rhythm_prior_gaps") ~ " * everybody.gap_days",
            "own.gaps + " ~ parameter("rhythm_prior_gaps"),
        ) }} as usual_gap_days
    from own
    cross join everybody

),

int_customer_lateness as (

    select
        customer_id,
        gaps,
        usual_gap_days,
        {{ ratio("days_since_order", "usual_gap_days") }} as lateness_ratio
    from usual

)

select * from int_customer_lateness
