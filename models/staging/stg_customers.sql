with

source as (

    select * from {{ source("raw", "customers") }}

),

stg_customers as (

    select
        -- ids
        customer_id,
        referred_by_customer_id,
        -- text
        first_name,
        last_name,
        email,
        phone,
        country_code,
        region_code,
        postal_code,
        time_zone,
        language,
        acquisition_channel,
        phone_e164,
        -- booleans
        coalesce(is_test, false) as is_test,
        -- times
        created_at,
        birth_date
    from source
    where {{ is_before_as_of("created_at") }} or created_at is null

)

select * from stg_customers
