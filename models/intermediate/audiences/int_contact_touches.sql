with

touches as (

    select *
    from {{ ref("stg_channel_touches") }}
    where sent_at >= {{ days_ago("message_memory_days") }}

),

campaigns as (

    select * from {{ ref("int_campaign_audiences") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

weights as (

    select * from {{ ref("channel_weights") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

int_contact_touches as (

    select
        contacts.contact_id,
        touches.channel,
        coalesce(by_type.audience_id, campaigns.audience_id) as audience_id,
        coalesce(by_type.message_class, campaigns.message_class, 'promotional')
            as message_class,
        touches.sent_at,
        -- A channel that the policy does not name counts in full.
        coalesce(weights.weight, 1) as weight
    from touches
    inner join contacts on touches.customer_id = contacts.customer_id
    left join audiences as by_type on touches.message_type = by_type.audience_id
    left join campaigns on touches.campaign_id = campaigns.campaign_id
    left join weights on touches.channel = weights.channel

)

select * from int_contact_touches
