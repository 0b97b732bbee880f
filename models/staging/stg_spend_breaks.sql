with

source as (

    select * from {{ source("fitted", "spend_breaks") }}

),

stg_spend_breaks as (

    select
        -- numbers
        tier_count,
        tier_rank,
        break_at,
        threshold,
        goodness_of_fit
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_spend_breaks
