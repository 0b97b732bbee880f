with

sms_messages as (

    select *
    from {{ ref("stg_sms_messages") }}
    where sent_at >= {{ days_ago("message_memory_days") }}

),

campaigns as (

    select * from {{ ref("int_campaign_audiences") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

-- What a text was about is its own word first, then its campaign's.
int_contact_texts as (

    select
        sms_messages.message_id,
        sms_messages.customer_id,
        contacts.contact_id,
        coalesce(by_type.audience_id, campaigns.audience_id) as audience_id,
        case sms_messages.purpose
            when 'transactional' then 'service'
            when 'marketing' then 'promotional'
            else coalesce(by_type.message_class, campaigns.message_class, 'promotional')
        end as message_class,
        coalesce(sms_messages.status, 'sent') in ('failed', 'undelivered') as has_failed,
        contacts.is_test,
        sms_messages.sent_at
    from sms_messages
    inner join contacts on sms_messages.customer_id = contacts.customer_id
    left join audiences as by_type on sms_messages.message_type = by_type.audience_id
    left join campaigns on sms_messages.campaign_id = campaigns.campaign_id

)

select * from int_contact_texts
