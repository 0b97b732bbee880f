with

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

phone_places as (

    select * from {{ ref("int_phone_places") }}

),

time_zones as (

    -- A system's default tells nothing of where somebody lives.
    select * from {{ ref("time_zones") }}
    where time_zone <> 'UTC'

),

addresses as (

    select
        contacts.contact_id,
        phone_places.country_code as phone_country,
        phone_places.region_code as phone_region,
        phone_places.time_zones as phone_zones,
        -- A state without a country is one of the phone's country.
        coalesce(contacts.country_code, phone_places.country_code) as country_code,
        case
            when contacts.region_code like '__-%' then contacts.region_code
            when contacts.country_code is not null
                then contacts.country_code || '-' || contacts.region_code
            else phone_places.country_code || '-' || contacts.region_code
        end as region_code,
        time_zones.time_zone
    from contacts
    inner join phone_places on contacts.phone_e164 = phone_places.phone_e164
    left join time_zones on contacts.time_zone = time_zones.time_zone
    where not contacts.is_shared_too_widely

),

int_contact_addresses as (

    select distinct
        contact_id,
        phone_country,
        phone_region,
        phone_zones,
        country_code,
        region_code,
        time_zone,
        {{ dbt.hash(
            "coalesce(phone_country, '') || '/' || coalesce(phone_region, '') || '/' || "
            ~ "coalesce(phone_zones, '') || '/' || coalesce(country_code, '') || '/' || "
            ~ "coalesce(region_code, '') || '/' || coalesce(time_zone, '')"
        ) }} as address_id
    from addresses

)

select * from int_contact_addresses
