with

source as (

    select * from {{ source("raw", "suppressions") }}

),

stg_suppressions as (

    select
        -- ids
        suppression_id,
        customer_id,
        -- text
        phone,
        reason,
        phone_e164,
        -- times
        from_at,
        until_at
    from source
    where {{ is_before_as_of("from_at") }}

)

select * from stg_suppressions
