with

source as (

    select * from {{ source("raw", "campaigns") }}

),

stg_campaigns as (

    select
        -- ids
        campaign_id,
        audience_id,
        -- text
        campaign_name,
        message_type,
        -- times
        starts_at,
        ends_at
    from source

)

select * from stg_campaigns
