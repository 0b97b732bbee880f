with

customers as (

    select * from {{ ref("stg_customers") }}

),

ranked_on_phone as (

    select
        customer_id,
        phone_e164,
        count(*) over (partition by phone_e164) as customers_on_phone,
        -- The oldest account names the contact: one that joins the phone later changes nothing.
        first_value(customer_id) over (
            partition by phone_e164
            order by created_at nulls last, customer_id
            rows between unbounded preceding and unbounded following
        ) as first_customer_id
    from customers
    where phone_e164 is not null

),

int_customer_contacts as (

    select
        customers.customer_id,
        coalesce(ranked_on_phone.first_customer_id, customers.customer_id) as contact_id,
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
        coalesce(ranked_on_phone.customers_on_phone, 0) as customers_on_phone,
        coalesce(
            ranked_on_phone.customers_on_phone > {{ parameter("max_customers_per_phone") }}, false
        ) as is_shared_too_widely
    from customers
    left join ranked_on_phone on customers.customer_id = ranked_on_phone.customer_id

)

select * from int_customer_contacts
