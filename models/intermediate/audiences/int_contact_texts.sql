with

sms_messages as (

    select *
    from {{ ref("stg_sms_messages") }}
    where sent_at >= {{ days_ago("message_memory_days") }}

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

campaign_audiences as (

    select
        campaigns.campaign_id,
        audiences.audience_id,
        audiences.message_class
    from campaigns
    inner join audiences on campaigns.audience_id = audiences.audience_id

),

-- What a text was about is its own word first, then its campaign's.
int_contact_texts as (

    select
        sms_messages.message_id,
        sms_messages.customer_id,
        contacts.contact_id,
        coalesce(by_type.audience_id, by_campaign.audience_id) as audience_id,
        case sms_messages.purpose
            when 'transactional' then 'service'
            when 'marketing' then 'promotional'
            else coalesce(by_type.message_class, by_campaign.message_class, 'promotional')
        end as message_class,
        coalesce(sms_messages.status, 'sent') in ('failed', 'undelivered') as has_failed,
        contacts.is_test,
        sms_messages.sent_at
    from sms_messages
    inner join contacts on sms_messages.customer_id = contacts.customer_id
    left join audiences as by_type on sms_messages.message_type = by_type.audience_id
    left join campaign_audiences as by_campaign
        on sms_messages.campaign_id = by_campaign.campaign_id

)

select * from int_contact_texts
