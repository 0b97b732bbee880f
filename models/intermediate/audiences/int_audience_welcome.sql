with

changes as (

    select * from {{ ref("tier_history") }}

),

benefits as (

    select * from {{ ref("int_tier_benefit_texts") }}

),

int_audience_welcome as (

    {{ tier_news("qualified") }}

)

select * from int_audience_welcome
