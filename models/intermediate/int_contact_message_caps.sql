with

contact_places as (

    select * from {{ ref("int_contact_places") }}

),

sms_rules as (

    select * from {{ ref("sms_rules") }}

),

caps as (

    select
        region_code,
        cap_messages,
        cap_hours
    from sms_rules
    where
        cap_messages is not null
        and (effective_from is null or effective_from <= {{ as_of_date() }})
        and (effective_to is null or effective_to > {{ as_of_date() }})

),

region_sets as (

    select distinct region_set from contact_places

),

set_caps as (

    select
        region_sets.region_set,
        caps.cap_hours,
        min(caps.cap_messages) as cap_messages
    from region_sets
    inner join caps on {{ is_in_list("caps.region_code", "region_sets.region_set") }}
    group by region_sets.region_set, caps.cap_hours

),

int_contact_message_caps as (

    select
        contact_places.contact_id,
        set_caps.cap_messages,
        set_caps.cap_hours
    from contact_places
    inner join set_caps on contact_places.region_set = set_caps.region_set

)

select * from int_contact_message_caps
