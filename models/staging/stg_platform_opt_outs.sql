with

source as (

    select * from {{ source("raw", "platform_opt_outs") }}

),

stg_platform_opt_outs as (

    select
        -- ids
        destination,
        contact_id,
        -- text
        how,
        -- times
        occurred_at
    from source
    where {{ is_before_as_of("occurred_at") }}

)

select * from stg_platform_opt_outs
