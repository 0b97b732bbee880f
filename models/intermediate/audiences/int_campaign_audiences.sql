{{ config(materialized="view") }}

with

campaigns as (

    select * from {{ ref("stg_campaigns") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

int_campaign_audiences as (

    select
        campaigns.campaign_id,
        audiences.audience_id,
        audiences.message_class
    from campaigns
    inner join audiences on campaigns.audience_id = audiences.audience_id

)

select * from int_campaign_audiences
