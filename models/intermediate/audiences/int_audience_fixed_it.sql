with

incidents as (

    select * from {{ ref("stg_service_incidents") }}

),

int_audience_fixed_it as (

    select
        customer_id,
        incident_id as subject_id,
        resolved_at as occurred_at,
        {{ days_after("resolved_at", "fixed_news_days") }} as expires_at,
        {{ merge_fields(order_id="order_id") }}
    from incidents
    where resolved_at is not null

)

select * from int_audience_fixed_it
