with

backtests as (

    select * from {{ ref("stg_lookalike_backtests") }}

),

lookalike_backtests as (

    select
        {{ as_of_date() }} as as_of_date,
        top_share,
        verdict,
        earlier_customers,
        earlier_vips,
        later_customers,
        later_vips,
        vip_rate,
        found_rate,
        lift,
        baseline_lift
    from backtests

)

select * from lookalike_backtests
