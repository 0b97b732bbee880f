with

surveys as (

    select * from {{ ref("stg_surveys") }}

),

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

said as (

    select
        customer_id,
        survey_id as said_id,
        answered_at as said_at
    from surveys
    where score <= {{ parameter("very_dissatisfied_score") }}

    union all

    select
        customer_id,
        ticket_id as said_id,
        opened_at as said_at
    from tickets
    where
        csat <= {{ parameter("very_dissatisfied_csat") }}
        or sentiment <= {{ parameter("very_dissatisfied_sentiment") }}

),

int_audience_care as (

    select
        customer_id,
        said_id as subject_id,
        said_at as occurred_at,
        {{ days_after("said_at", "recovery_days") }} as expires_at,
        {{ merge_fields() }}
    from said

)

select * from int_audience_care
