with

incidents as (

    select * from {{ ref("stg_service_incidents") }}

),

int_audience_delay_notice as (

    select
        customer_id,
        incident_id as subject_id,
        opened_at as occurred_at,
        {{ days_after("opened_at", "delay_news_days") }} as expires_at,
        {{ merge_fields(order_id="order_id") }}
    from incidents
    where resolved_at is null and incident_type = 'delay'

)

select * from int_audience_delay_notice
