with

consent_events as (

    select * from {{ ref("stg_consent_events") }}

),

sms_events as (

    select * from {{ ref("int_sms_event_speakers") }}

),

reply_verdicts as (

    select * from {{ ref("int_reply_verdicts") }}

),

support_tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

ticket_categories as (

    select * from {{ ref("stop_ticket_categories") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

platform_opt_outs as (

    select * from {{ ref("stg_platform_opt_outs") }}

),

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

named_categories as (

    select distinct
        category,
        {{ plain_words("category") }} as words
    from support_tickets
    where category is not null

),

stop_categories as (

    select distinct named_categories.category
    from named_categories
    inner join ticket_categories
        on {{ says_category("named_categories.words", "ticket_categories.ticket_category") }}

),

-- Said without a purpose, a stop ends all of them; a complaint to the carrier is one.
stops as (

    select
        'sms_events/' || sms_event_id as word_id,
        customer_id,
        occurred_at,
        case event_type when 'complaint' then 'complaint' else 'sms_reply' end as source
    from sms_events
    where event_type in ('opt_out', 'complaint')

    union all

    select
        'sms_events/' || sms_event_id as word_id,
        customer_id,
        occurred_at,
        case verdict when 'refusal' then 'sms_refusal' else 'sms_reply' end as source
    from reply_verdicts
    where verdict in ('stop', 'refusal')

    union all

    select
        'support_tickets/' || support_tickets.ticket_id as word_id,
        support_tickets.customer_id,
        support_tickets.opened_at as occurred_at,
        'support_ticket' as source
    from support_tickets
    inner join stop_categories on support_tickets.category = stop_categories.category

    union all

    select
        destination || '/' || contact_id as word_id,
        contact_id as customer_id,
        occurred_at,
        destination as source
    from platform_opt_outs

),

purposes as (

    select 'marketing' as purpose
    union all
    select 'transactional' as purpose

),

-- What is said about a number is said about its contact, but a yes of somebody who is known to be
-- elsewhere by now is not the word of whoever has that number since.
by_phone as (

    select
        'consent_events/' || consent_events.consent_event_id as word_id,
        contact_phones.contact_id,
        consent_events.purpose,
        consent_events.action,
        consent_events.occurred_at,
        consent_events.source,
        consent_events.proof
    from consent_events
    inner join contact_phones on consent_events.phone_e164 = contact_phones.phone_e164
    left join contacts on consent_events.customer_id = contacts.customer_id
    where
        consent_events.action = 'opt_out'
        or coalesce(contact_phones.contact_id = contacts.contact_id, true)

),

-- A yes counts for the number it was given with; a no counts for the customer, whatever the number.
by_customer as (

    select
        'consent_events/' || consent_events.consent_event_id as word_id,
        contacts.contact_id,
        consent_events.purpose,
        consent_events.action,
        consent_events.occurred_at,
        consent_events.source,
        consent_events.proof
    from consent_events
    inner join contacts on consent_events.customer_id = contacts.customer_id
    left join contact_phones on consent_events.phone_e164 = contact_phones.phone_e164
    where
        (consent_events.phone is null or consent_events.action = 'opt_out')
        -- Else it stands there by its phone.
        and coalesce(contact_phones.contact_id <> contacts.contact_id, true)

),

by_stop as (

    select distinct
        stops.word_id,
        contacts.contact_id,
        purposes.purpose,
        'opt_out' as action,
        stops.occurred_at,
        stops.source,
        cast(null as {{ dbt.type_string() }}) as proof
    from stops
    inner join contacts on stops.customer_id = contacts.customer_id
    cross join purposes

),

said as (

    select * from by_phone
    union all
    select * from by_customer

),

stops_heard as (

    select
        contact_id,
        purpose,
        occurred_at
    from said
    where action = 'opt_out'

    union all

    select
        contact_id,
        purpose,
        occurred_at
    from by_stop

),

first_stops as (

    select
        contact_id,
        purpose,
        min(occurred_at) as stopped_at
    from stops_heard
    group by contact_id, purpose

),

platform_stops as (

    select distinct contacts.contact_id
    from platform_opt_outs
    inner join contacts on platform_opt_outs.contact_id = contacts.customer_id

),

-- An import says what another list once held, not what the person says now: it undoes no stop. Of a
-- stop that a platform heard the hour is uncertain: no import counts then, nor a yes of no source.
heard as (

    select said.*
    from said
    left join platform_stops on said.contact_id = platform_stops.contact_id
    left join first_stops
        on
            said.contact_id = first_stops.contact_id
            and said.purpose = first_stops.purpose
            and said.occurred_at >= first_stops.stopped_at
    where
        said.action = 'opt_out'
        or lower(coalesce(said.source, 'import')) not like '%import%'
        or (
            platform_stops.contact_id is null
            and (said.source is null or first_stops.contact_id is null)
        )

),

int_consent_events_by_contact as (

    select * from heard
    union all
    select * from by_stop

)

select * from int_consent_events_by_contact
