with

spend as (

    select * from {{ ref("int_active_spend") }}

),

-- As many bins as the breaks need to be exact to a twentieth of a percent of the customers.
binned as (

    select
        spend_12m,
        cast(ln(cast(spend_12m as double)) as decimal(18, 8)) as log_spend,
        ntile(2000) over (order by spend_12m asc, customer_id asc) as spend_bin
    from spend

),

int_spend_bins as (

    select
        spend_bin,
        count(*) as customers,
        cast(min(spend_12m) as double) as lowest_spend,
        {{ ratio("sum(log_spend)", "count(*)") }} as mean_log_spend
    from binned
    group by spend_bin

)

select * from int_spend_bins
