with

-- More months than any shop has: the policy says how many of them are looked at.
month_numbers as (

    {{ dbt.generate_series(1200) }}

),

dates as (

    select
        {{ date_plus(period_start(as_of_date(), "month"), "1 - generated_number", "month") }}
            as evaluated_on
    from month_numbers
    where generated_number <= {{ parameter("rfm_history_months") }}

    union distinct

    select {{ as_of_date() }} as evaluated_on

),

int_rfm_evaluations as (

    select
        evaluated_on,
        {{ date_plus("evaluated_on", "-" ~ parameter("rfm_window_months"), "month") }}
            as window_from,
        {{ period_start("evaluated_on", "month") }} as month_on,
        lag(evaluated_on) over (order by evaluated_on) as previous_evaluated_on
    from dates

)

select * from int_rfm_evaluations
