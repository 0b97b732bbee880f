with

sent as (

    select * from {{ ref("int_contact_texts") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

-- An older account that joins a phone names its contact anew: what was decided stays with it.
message_log as (

    select
        log.audience_id,
        coalesce(contacts.contact_id, log.contact_id) as contact_id,
        log.subject_id,
        log.message_class,
        log.send_at,
        log.ends_at,
        log.as_of_date
    from {{ ref("stg_message_log") }} as log
    left join contacts on log.contact_id = contacts.customer_id

),

reported as (

    select distinct
        message_log.audience_id,
        message_log.contact_id,
        message_log.as_of_date
    from message_log
    inner join sent
        on
            message_log.contact_id = sent.contact_id
            and message_log.audience_id = sent.audience_id
            and cast(message_log.as_of_date as {{ dbt.type_timestamp() }}) <= sent.sent_at
            and message_log.ends_at >= sent.sent_at

),

-- What an earlier night decided counts as sent until the platform reports it, and then once.
int_decided_messages as (

    select
        message_log.contact_id,
        message_log.audience_id,
        message_log.subject_id,
        message_log.message_class,
        message_log.send_at as sent_at,
        case when reported.contact_id is null then 1 else 0 end as messages
    from message_log
    left join reported
        on
            message_log.audience_id = reported.audience_id
            and message_log.contact_id = reported.contact_id
            and message_log.as_of_date = reported.as_of_date

)

select * from int_decided_messages
