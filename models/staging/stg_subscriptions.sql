with

source as (

    select * from {{ source("raw", "subscriptions") }}

),

stg_subscriptions as (

    select
        -- ids
        subscription_id,
        customer_id,
        product_id,
        -- text
        status,
        -- times
        started_at,
        renews_at,
        {{ known_at_as_of("renewal_failed_at") }} as renewal_failed_at,
        {{ known_at_as_of("cancelled_at") }} as cancelled_at
    from source
    where {{ is_before_as_of("started_at") }}

)

select * from stg_subscriptions
