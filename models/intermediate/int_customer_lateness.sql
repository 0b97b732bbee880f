with

rhythms as (

    select * from {{ ref("int_customer_rhythm") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

everybody as (

    select {{ pct("rhythms.median_gap_days", 0.5) }} as gap_days
    from rhythms
    inner join customers on rhythms.customer_id = customers.customer_id
    where not customers.is_test and rhythms.median_gap_days is not null

),

-- A customer's own median counts by how many gaps it rests on, everybody's makes up the rest.
usual as (

    select
        rhythms.customer_id,
        rhythms.days_since,
        {{ ratio(
            "rhythms.gap_count * coalesce(rhythms.median_gap_days, 0) + "
            ~ parameter("rhythm_prior_gaps") ~ " * everybody.gap_days",
            "rhythms.gap_count + " ~ parameter("rhythm_prior_gaps"),
        ) }} as usual_gap_days
    from rhythms
    cross join everybody

),

int_customer_lateness as (

    select
        customer_id,
        usual_gap_days,
        {{ ratio("days_since", "usual_gap_days") }} as lateness_ratio
    from usual

)

select * from int_customer_lateness
