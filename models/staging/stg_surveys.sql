with

source as (

    select * from {{ source("raw", "surveys") }}

),

stg_surveys as (

    select
        -- ids
        survey_id,
        customer_id,
        -- numbers
        score,
        -- times
        answered_at
    from source
    where {{ is_before_as_of("answered_at") }}

)

select * from stg_surveys
