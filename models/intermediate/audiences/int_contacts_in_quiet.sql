with

incidents as (

    select * from {{ ref("stg_service_incidents") }}

),

sms_events as (

    select * from {{ ref("int_sms_event_speakers") }}

),

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

surveys as (

    select * from {{ ref("stg_surveys") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

troubles as (

    -- One that stays open keeps things quiet until it is forgotten; one that was put right does for
    -- a while, however long that took.
    select
        customer_id,
        {{ date_plus(
            "cast(coalesce(resolved_at, " ~ as_of_moment() ~ ") as date)",
            parameter("quiet_days_after_incident"),
            "day",
        ) }} as quiet_until
    from incidents
    where resolved_at is not null or opened_at >= {{ days_ago("incident_open_days") }}

    union all

    select
        customer_id,
        {{ date_plus("cast(occurred_at as date)", parameter("quiet_days_after_complaint"), "day") }}
            as quiet_until
    from sms_events
    where event_type = 'complaint'

    union all

    select
        customer_id,
        {{ date_plus("cast(opened_at as date)", parameter("quiet_days_after_complaint"), "day") }}
            as quiet_until
    from tickets
    where
        lower(trim(category)) = 'complaint'
        or csat <= {{ parameter("very_dissatisfied_csat") }}
        or sentiment <= {{ parameter("very_dissatisfied_sentiment") }}

    union all

    select
        customer_id,
        {{ date_plus("cast(answered_at as date)", parameter("quiet_days_after_complaint"), "day") }}
            as quiet_until
    from surveys
    where score <= {{ parameter("very_dissatisfied_score") }}

),

int_contacts_in_quiet as (

    select
        contacts.contact_id,
        max(troubles.quiet_until) as quiet_until
    from troubles
    inner join contacts on troubles.customer_id = contacts.customer_id
    where troubles.quiet_until > {{ as_of_date() }}
    group by contacts.contact_id

)

select * from int_contacts_in_quiet
