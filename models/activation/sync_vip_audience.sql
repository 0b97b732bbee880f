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

audience_lists as (

    select
        customer_id,
        {{ text_list("audience_id") }} as audience_ids
    from members
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
        tiers.projected_demotion_on
    from audience_lists
    inner join contacts on audience_lists.customer_id = contacts.customer_id
    inner join tiers on audience_lists.customer_id = tiers.customer_id

)

select * from sync_vip_audience
