with

source as (

    select * from {{ source("fitted", "lookalike_backtests") }}

),

stg_lookalike_backtests as (

    select
        -- text
        verdict,
        -- numbers
        top_share,
        earlier_customers,
        earlier_vips,
        later_customers,
        later_vips,
        vip_rate,
        found_rate,
        lift,
        baseline_lift
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_lookalike_backtests
