with

contact_addresses as (

    select * from {{ ref("int_contact_addresses") }}

),

sms_rules as (

    select * from {{ ref("sms_rules") }}

),

rule_regions as (

    select * from {{ ref("rule_regions") }}

),

region_zones as (

    select * from {{ ref("region_zones") }}

),

time_zones as (

    select * from {{ ref("time_zones") }}

),

ruled as (

    select distinct region_code from sms_rules

),

ruled_by_state as (

    select distinct substr(region_code, 1, 3) as beginning
    from ruled
    where region_code like '__-%'

),

-- Places whose own holidays may count.
kept as (

    select region_code from ruled
    union
    select region_code from {{ ref("public_holidays") }}

),

counted as (

    select
        contact_id,
        min(address_id) as address_id,
        count(*) as addresses
    from contact_addresses
    group by contact_id

),

-- Contacts with the same addresses share a place: it is worked out for one of them.
address_sets as (

    select
        contact_id,
        address_id as address_set
    from counted
    where addresses = 1

    union all

    select
        counted.contact_id,
        {{ text_list("contact_addresses.address_id") }} as address_set
    from counted
    inner join contact_addresses on counted.contact_id = contact_addresses.contact_id
    where counted.addresses > 1
    group by counted.contact_id

),

examples as (

    select
        address_set,
        min(contact_id) as contact_id
    from address_sets
    group by address_set

),

addresses as (

    select
        examples.address_set,
        contact_addresses.*
    from examples
    inner join contact_addresses on examples.contact_id = contact_addresses.contact_id

),

-- Where phone and address differ, the rules of both hold; a phone of nowhere is of nowhere known.
countries as (

    select
        address_set,
        phone_country as country_code
    from addresses

    union

    select
        address_set,
        country_code
    from addresses

),

states as (

    select
        address_set,
        phone_region as region_code
    from addresses

    union

    select
        address_set,
        region_code
    from addresses

),

regions as (

    select
        countries.address_set,
        coalesce(ruled.region_code, rule_regions.region_code, 'ZZ') as region_code
    from countries
    left join ruled on countries.country_code = ruled.region_code
    left join rule_regions on countries.country_code = rule_regions.country_code

    union

    select
        countries.address_set,
        kept.region_code
    from countries
    inner join kept on countries.country_code = kept.region_code

    union

    select
        states.address_set,
        kept.region_code
    from states
    inner join kept on states.region_code = kept.region_code

    union

    -- Where states have rules of their own, one that nobody knows may be any of them; a territory
    -- is known by a code of its own.
    select
        states.address_set,
        'ZZ' as region_code
    from states
    inner join ruled_by_state on substr(states.region_code, 1, 3) = ruled_by_state.beginning
    left join region_zones on states.region_code = region_zones.region_code
    left join rule_regions
        on substr(states.region_code, 4) = rule_regions.country_code
    where region_zones.region_code is null and rule_regions.country_code is null

),

region_sets as (

    select
        address_set,
        {{ text_list("region_code") }} as region_set
    from regions
    group by address_set

),

-- The zone the customer names, else that of the state, else of the number, else of the country.
named as (

    select distinct
        addresses.address_set,
        coalesce(
            addresses.time_zone,
            of_state.time_zones,
            addresses.phone_zones,
            of_country.time_zones,
            ''
        ) as time_zones
    from addresses
    left join region_zones as of_state on addresses.region_code = of_state.region_code
    left join region_zones as of_country on addresses.country_code = of_country.region_code

),

zones as (

    select distinct
        named.address_set,
        time_zones.time_zone
    from named
    inner join time_zones on {{ is_in_list("time_zones.time_zone", "named.time_zones") }}

),

zone_sets as (

    select
        address_set,
        {{ text_list("time_zone") }} as zone_set
    from zones
    group by address_set

),

int_contact_places as (

    select
        address_sets.contact_id,
        {{ dbt.hash("region_sets.region_set || '/' || coalesce(zone_sets.zone_set, '')") }}
            as place_id,
        region_sets.region_set,
        zone_sets.zone_set
    from address_sets
    inner join region_sets on address_sets.address_set = region_sets.address_set
    left join zone_sets on address_sets.address_set = zone_sets.address_set

)

select * from int_contact_places
