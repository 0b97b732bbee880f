with

source as (

    select * from {{ source("raw", "benefit_redemptions") }}

),

stg_benefit_redemptions as (

    select
        -- ids
        redemption_id,
        customer_id,
        benefit_id,
        -- numbers
        cost,
        -- times
        redeemed_at
    from source
    where {{ is_before_as_of("redeemed_at") }}

)

select * from stg_benefit_redemptions
