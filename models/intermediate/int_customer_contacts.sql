with

customers as (

    select * from {{ ref("stg_customers") }}

),

shared_phones as (

    select
        phone_e164,
        count(*) as customers_on_phone
    from customers
    where phone_e164 is not null
    group by phone_e164
    having count(*) > 1

),

sharing as (

    select
        customers.customer_id,
        shared_phones.customers_on_phone,
        -- The oldest account names the contact: one that joins the phone later changes nothing.
        first_value(customers.customer_id) over (
            partition by customers.phone_e164
            order by customers.created_at nulls last, customers.customer_id
            rows between unbounded preceding and unbounded following
        ) as first_customer_id
    from customers
    inner join shared_phones on customers.phone_e164 = shared_phones.phone_e164

),

int_customer_contacts as (

    select
        customers.customer_id,
        coalesce(sharing.first_customer_id, customers.customer_id) as contact_id,
        customers.phone_e164,
        customers.email,
        customers.first_name,
        customers.last_name,
        customers.country_code,
        customers.region_code,
        customers.postal_code,
        customers.time_zone,
        customers.language,
        customers.is_test,
        coalesce(
            sharing.customers_on_phone,
            case when customers.phone_e164 is null then 0 else 1 end
        ) as customers_on_phone,
        customers.phone_e164 is not null
        and coalesce(sharing.customers_on_phone, 1) > {{ parameter("max_customers_per_phone") }}
            as is_shared_too_widely
    from customers
    left join sharing on customers.customer_id = sharing.customer_id

)

select * from int_customer_contacts
