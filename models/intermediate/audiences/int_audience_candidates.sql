with

occurrences as (

    select * from {{ ref("audience_occurrences") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

eligibility as (

    select * from {{ ref("int_customer_eligibility") }}

),

send_windows as (

    select * from {{ ref("int_contact_send_windows") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

messages as (

    select distinct
        contact_id,
        audience_id,
        subject_id
    from {{ ref("int_contact_messages") }}
    where subject_id is not null

),

-- Of several occasions for one message: one not yet told, the one that ends first, the latest.
occasions as (

    select
        occurrences.audience_id,
        occurrences.customer_id,
        eligibility.contact_id,
        occurrences.subject_id,
        occurrences.expires_at,
        audiences.is_message,
        audiences.message_class,
        audiences.validity_hours,
        messages.contact_id is not null as is_told,
        case
            when audiences.message_class = 'promotional' then eligibility.legal_reason_code
            else eligibility.service_reason_code
        end as legal_reason_code,
        row_number() over (
            partition by occurrences.audience_id, occurrences.customer_id
            order by
                case when messages.contact_id is null then 0 else 1 end asc,
                occurrences.expires_at asc nulls last,
                occurrences.occurred_at desc,
                occurrences.subject_id asc
        ) as place
    from occurrences
    inner join audiences on occurrences.audience_id = audiences.audience_id
    inner join eligibility on occurrences.customer_id = eligibility.customer_id
    left join messages
        on
            eligibility.contact_id = messages.contact_id
            and occurrences.audience_id = messages.audience_id
            and occurrences.subject_id = messages.subject_id

),

planned as (

    select
        occasions.audience_id,
        occasions.customer_id,
        occasions.contact_id,
        occasions.subject_id,
        occasions.is_message,
        occasions.message_class,
        occasions.is_told,
        occasions.legal_reason_code,
        send_windows.opens_at,
        send_windows.no_window_reason,
        -- least() passes nulls over: what has no end of its own lasts as long as the policy says.
        least(
            occasions.expires_at,
            {{ hours_after(as_of_moment(), "occasions.validity_hours") }}
        ) as ends_at
    from occasions
    left join send_windows
        on
            occasions.contact_id = send_windows.contact_id
            and occasions.message_class = send_windows.message_class
    where occasions.place = 1

),

-- One customer speaks for a phone, in all audiences: a platform knows one profile for it.
speakers as (

    select
        planned.contact_id,
        planned.customer_id,
        row_number() over (
            partition by planned.contact_id
            order by
                min(case when planned.legal_reason_code is null then 0 else 1 end) asc,
                max(tiers.tier_rank) desc,
                max(tiers.qualifying_spend) desc,
                planned.customer_id asc
        ) as place_on_phone
    from planned
    inner join tiers on planned.customer_id = tiers.customer_id
    group by planned.contact_id, planned.customer_id

),

int_audience_candidates as (

    select
        planned.audience_id,
        planned.customer_id,
        planned.contact_id,
        tiers.tier_rank,
        planned.subject_id,
        planned.is_message,
        planned.message_class,
        planned.is_told,
        coalesce(planned.opens_at, {{ as_of_moment() }}) as send_at,
        planned.ends_at,
        case
            when planned.legal_reason_code is not null then planned.legal_reason_code
            -- A list sends nothing: its campaigns keep the windows of their own messages.
            when planned.is_message and planned.opens_at is null
                then coalesce(planned.no_window_reason, 'no_legal_window')
            when planned.is_message and planned.opens_at >= planned.ends_at
                then 'no_legal_window'
            when speakers.place_on_phone > 1 then 'phone_already_chosen'
        end as exclusion_code
    from planned
    inner join tiers on planned.customer_id = tiers.customer_id
    inner join speakers on planned.customer_id = speakers.customer_id

)

select * from int_audience_candidates
