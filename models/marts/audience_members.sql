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
        cast(null as {{ dbt.type_timestamp() }}) as send_window_opens_at,
        cast(null as {{ dbt.type_timestamp() }}) as send_window_closes_at,
        decisions.ends_at,
        {{ merge_fields("occurrences") }}
    from decisions
    inner join tiers on decisions.customer_id = tiers.customer_id
    inner join occurrences
        on
            decisions.audience_id = occurrences.audience_id
            and decisions.customer_id = occurrences.customer_id
            and decisions.subject_id = occurrences.subject_id

)

select * from audience_members
