with

changes as (

    select * from {{ ref("tier_history") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

int_audience_welcome as (

    {{ tier_news("qualified") }}

)

select * from int_audience_welcome
