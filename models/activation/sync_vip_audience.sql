with

members as (

    select * from {{ ref("audience_members") }}

),

contacts as (

    select * from {{ ref("customer_contacts") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

promises as (

    select * from {{ ref("tier_promises") }}

),

segments as (

    select * from {{ ref("customer_segments") }}

),

audience_lists as (

    select
        customer_id,
        {{ text_list("audience_id") }} as audience_ids
    from members
    group by customer_id

),

-- What the profile holds for the text is that of the message that goes first.
messages as (

    select
        *,
        row_number() over (
            partition by customer_id
            order by
                case message_class when 'transactional' then 1 when 'service' then 2 else 3 end,
                priority desc,
                audience_id asc
        ) as place
    from members
    where is_message

),

-- A flow waits for the hours of its class: what may be said at once is not what may be offered.
hours as (

    select
        customer_id,
        max(case when message_class = 'promotional' then send_window_opens_at end)
            as offer_opens_at,
        min(
            case
                when message_class = 'promotional'
                    then least(send_window_closes_at, ends_at)
            end
        ) as offer_closes_at,
        max(case when message_class <> 'promotional' then send_window_opens_at end)
            as service_opens_at,
        min(
            case
                when message_class <> 'promotional'
                    then least(send_window_closes_at, ends_at)
            end
        ) as service_closes_at
    from members
    where is_message
    group by customer_id

),

sync_vip_audience as (

    select
        {{ as_of_date() }} as as_of_date,
        audience_lists.customer_id,
        contacts.contact_id,
        contacts.phone_e164 as phone,
        contacts.email,
        contacts.first_name,
        contacts.language,
        tiers.tier,
        tiers.tier_rank,
        audience_lists.audience_ids,
        tiers.tier_since,
        tiers.next_tier,
        tiers.spend_to_next_tier,
        tiers.progress_to_next_tier,
        tiers.spend_to_keep_tier,
        tiers.projected_demotion_on,
        promises.benefits,
        {{ segment_fields() | join(",\n        ") }},
        messages.audience_id as message_audience_id,
        messages.product_name as message_product_name,
        messages.category as message_category,
        messages.brand as message_brand,
        messages.campaign_id as message_campaign_id,
        messages.campaign_name as message_campaign_name,
        messages.order_id as message_order_id,
        messages.amount as message_amount,
        messages.quantity as message_quantity,
        messages.due_on as message_due_on,
        messages.benefit as message_benefit,
        hours.offer_opens_at,
        hours.offer_closes_at,
        hours.service_opens_at,
        hours.service_closes_at
    from audience_lists
    inner join contacts on audience_lists.customer_id = contacts.customer_id
    inner join tiers on audience_lists.customer_id = tiers.customer_id
    left join promises on tiers.tier = promises.tier
    left join segments on audience_lists.customer_id = segments.customer_id
    left join messages
        on
            audience_lists.customer_id = messages.customer_id
            and messages.place = 1
    left join hours on audience_lists.customer_id = hours.customer_id

)

select * from sync_vip_audience
