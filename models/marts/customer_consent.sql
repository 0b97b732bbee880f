with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

consents as (

    select * from {{ ref("int_contact_consents") }}

),

contacts_in_doubt as (

    select * from {{ ref("int_contacts_in_doubt") }}

),

purposes as (

    select 'marketing' as purpose
    union all
    select 'transactional' as purpose

),

customer_consent as (

    select
        {{ as_of_date() }} as as_of_date,
        contacts.customer_id,
        contacts.contact_id,
        purposes.purpose,
        case
            when contacts_in_doubt.contact_id is not null then 'unreadable'
            else coalesce(consents.state, 'unknown')
        end as state,
        contacts_in_doubt.contact_id is null and coalesce(consents.state, 'unknown') = 'opted_in'
            as is_opted_in,
        consents.changed_at,
        consents.source,
        coalesce(consents.has_proof, false) as has_proof
    from contacts
    cross join purposes
    left join consents
        on
            contacts.contact_id = consents.contact_id
            and purposes.purpose = consents.purpose
    left join contacts_in_doubt on contacts.contact_id = contacts_in_doubt.contact_id

)

select * from customer_consent
