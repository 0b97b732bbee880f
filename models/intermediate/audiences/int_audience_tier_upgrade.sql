with

changes as (

    select * from {{ ref("tier_history") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

int_audience_tier_upgrade as (

    {{ tier_news("upgraded") }}

)

select * from int_audience_tier_upgrade
