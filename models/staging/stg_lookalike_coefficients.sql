with

source as (

    select * from {{ source("fitted", "lookalike_coefficients") }}

),

stg_lookalike_coefficients as (

    select
        -- text
        feature,
        feature_level,
        -- numbers
        coefficient
    from source
    where as_of_date = {{ as_of_date() }}

)

select * from stg_lookalike_coefficients
