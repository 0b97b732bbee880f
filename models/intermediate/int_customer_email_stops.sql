with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

suppressions as (

    select * from {{ ref("int_contact_suppressions") }}

),

contacts_in_doubt as (

    select * from {{ ref("int_contacts_in_doubt") }}

),

stops as (

    select * from {{ ref("int_contact_consents") }}
    where purpose = 'marketing' and state = 'opted_out'

),

holdouts as (

    select * from {{ ref("holdout_assignments") }}
    where experiment_id = 'global' and arm = 'holdout'

),

-- Whoever was drawn stays held out under a new phone, and so does who shares the phone now.
held_out as (

    select customer_id
    from holdouts

    union

    select contacts.customer_id
    from holdouts
    inner join contacts on holdouts.contact_id = contacts.contact_id

),

accounts as (

    select
        contacts.customer_id,
        contacts.contact_id,
        contacts.is_test,
        {{ mail_address("contacts.email") }} as email,
        case when suppressions.contact_id is null then 0 else 1 end as suppressed,
        case when contacts_in_doubt.contact_id is null then 0 else 1 end as in_doubt,
        case when stops.contact_id is null then 0 else 1 end as opted_out,
        case when held_out.customer_id is null then 0 else 1 end as held_out
    from contacts
    left join suppressions on contacts.contact_id = suppressions.contact_id
    left join contacts_in_doubt on contacts.contact_id = contacts_in_doubt.contact_id
    left join stops on contacts.contact_id = stops.contact_id
    left join held_out on contacts.customer_id = held_out.customer_id

),

addresses as (

    select
        email,
        count(*) as customers,
        max(suppressed) as suppressed,
        max(in_doubt) as in_doubt,
        max(opted_out) as opted_out,
        max(held_out) as held_out
    from accounts
    where email is not null
    group by email

),

int_customer_email_stops as (

    select
        accounts.customer_id,
        accounts.contact_id,
        accounts.is_test,
        accounts.email,
        coalesce(
            addresses.customers > {{ parameter("max_customers_per_phone") }}, false
        ) as is_shared_too_widely,
        coalesce(addresses.suppressed, accounts.suppressed) = 1 as is_suppressed,
        coalesce(addresses.in_doubt, accounts.in_doubt) = 1 as is_in_doubt,
        coalesce(addresses.opted_out, accounts.opted_out) = 1 as is_opted_out,
        coalesce(addresses.held_out, accounts.held_out) = 1 as is_held_out
    from accounts
    left join addresses on accounts.email = addresses.email

)

select * from int_customer_email_stops
