with

sms_messages as (

    select *
    from {{ ref("stg_sms_messages") }}
    where sent_at >= cast(
        {{ date_plus(as_of_date(), "-" ~ parameter("message_memory_days"), "day") }}
        as {{ dbt.type_timestamp() }}
    )

),

message_log as (

    select * from {{ ref("stg_message_log") }}

),

campaigns as (

    select * from {{ ref("stg_campaigns") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

-- What a text was about is its own word first, then its campaign's.
sent as (

    select
        sms_messages.message_id,
        contacts.contact_id,
        coalesce(by_type.audience_id, by_campaign.audience_id) as audience_id,
        case sms_messages.purpose
            when 'transactional' then 'service'
            when 'marketing' then 'promotional'
            else coalesce(by_type.message_class, by_campaign.message_class, 'promotional')
        end as message_class,
        sms_messages.sent_at
    from sms_messages
    inner join contacts on sms_messages.customer_id = contacts.customer_id
    left join campaigns on sms_messages.campaign_id = campaigns.campaign_id
    left join audiences as by_type on sms_messages.message_type = by_type.audience_id
    left join audiences as by_campaign on campaigns.audience_id = by_campaign.audience_id

),

reported as (

    select distinct
        message_log.audience_id,
        message_log.contact_id,
        message_log.as_of_date
    from message_log
    inner join sent
        on
            message_log.contact_id = sent.contact_id
            and message_log.audience_id = sent.audience_id
            and cast(message_log.as_of_date as {{ dbt.type_timestamp() }}) <= sent.sent_at
            and message_log.ends_at >= sent.sent_at

),

int_contact_messages as (

    select
        contact_id,
        audience_id,
        cast(null as {{ dbt.type_string() }}) as subject_id,
        message_class,
        sent_at,
        1 as messages
    from sent

    union all

    -- What an earlier night decided counts as sent until the platform reports it, and then once.
    select
        message_log.contact_id,
        message_log.audience_id,
        message_log.subject_id,
        message_log.message_class,
        message_log.send_at as sent_at,
        case when reported.contact_id is null then 1 else 0 end as messages
    from message_log
    left join reported
        on
            message_log.audience_id = reported.audience_id
            and message_log.contact_id = reported.contact_id
            and message_log.as_of_date = reported.as_of_date

)

select * from int_contact_messages
