with

source as (

    select * from {{ source("raw", "loyalty_accounts") }}

),

stg_loyalty_accounts as (

    select
        -- ids
        customer_id,
        -- text
        status,
        -- numbers
        points_balance,
        -- times
        joined_at
    from source
    where {{ is_before_as_of("joined_at") }} or joined_at is null

)

select * from stg_loyalty_accounts
