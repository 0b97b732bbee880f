with

decisions as (

    select * from {{ ref("email_decisions") }}

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

sync_email_segment as (

    select
        {{ as_of_date() }} as as_of_date,
        decisions.customer_id,
        decisions.contact_id,
        {{ mail_address("contacts.email") }} as email,
        contacts.first_name,
        contacts.language,
        tiers.tier,
        tiers.tier_rank,
        tiers.tier_since,
        tiers.next_tier,
        tiers.spend_to_next_tier,
        tiers.progress_to_next_tier,
        promises.benefits,
        {{ segment_fields() | join(",\n        ") }}
    from decisions
    inner join contacts on decisions.customer_id = contacts.customer_id
    inner join tiers on decisions.customer_id = tiers.customer_id
    left join promises on tiers.tier = promises.tier
    left join segments on decisions.customer_id = segments.customer_id
    where decisions.decision = 'member'

)

select * from sync_email_segment
