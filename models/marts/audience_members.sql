with

decisions as (

    select *
    from {{ ref("audience_decisions") }}
    where decision = 'member'

),

occurrences as (

    select * from {{ ref("audience_occurrences") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

send_windows as (

    select * from {{ ref("int_contact_send_windows") }}

),

audience_members as (

    select
        decisions.as_of_date,
        decisions.audience_id,
        decisions.customer_id,
        decisions.contact_id,
        tiers.tier,
        tiers.tier_rank,
        decisions.is_message,
        decisions.message_class,
        decisions.priority,
        decisions.subject_id,
        send_windows.opens_at as send_window_opens_at,
        send_windows.closes_at as send_window_closes_at,
        decisions.ends_at,
        {{ merge_fields("occurrences") }}
    from decisions
    inner join tiers on decisions.customer_id = tiers.customer_id
    inner join occurrences
        on
            decisions.audience_id = occurrences.audience_id
            and decisions.customer_id = occurrences.customer_id
            and decisions.subject_id = occurrences.subject_id
    left join send_windows
        on
            decisions.contact_id = send_windows.contact_id
            and decisions.message_class = send_windows.message_class

)

select * from audience_members
