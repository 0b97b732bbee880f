with

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

phone_prefixes as (

    select * from {{ ref("phone_prefixes") }}

),

calling_codes as (

    select * from {{ ref("calling_codes") }}

),

area_codes as (

    select * from {{ ref("area_codes") }}

),

numbers as (

    select
        phone_e164,
        contact_id,
        substr(phone_e164, 2) as digits,
        case when substr(phone_e164, 2, 1) = '1' then substr(phone_e164, 3, 3) end as area_code,
        case when substr(phone_e164, 2, 1) <> '1' then substr(phone_e164, 2, 3) end as beginning
    from contact_phones

),

int_phone_places as (

    select
        numbers.phone_e164,
        numbers.contact_id,
        -- A number of the Americas whose area code is no place is a service: of no country.
        coalesce(
            area_codes.country_code,
            codes_3.country_code,
            codes_2.country_code,
            codes_1.country_code
        ) as country_code,
        case when area_codes.region_code like '%-%' then area_codes.region_code end as region_code,
        -- What the library says of a whole area code is one of its zones: all of them may hold.
        coalesce(
            {%- for length in range(9, 4, -1) %}
            prefixes_{{ length }}.time_zones,
            {%- endfor %}
            area_codes.time_zones,
            {%- for length in range(4, 0, -1) %}
            prefixes_{{ length }}.time_zones{{ "," if not loop.last }}
            {%- endfor %}
        ) as time_zones
    from numbers
    left join area_codes on numbers.area_code = area_codes.area_code
    {%- for length in [3, 2, 1] %}
    left join calling_codes as codes_{{ length }}
        on substr(numbers.beginning, 1, {{ length }}) = codes_{{ length }}.calling_code
    {%- endfor %}
    {%- for length in range(9, 0, -1) %}
    left join phone_prefixes as prefixes_{{ length }}
        on substr(numbers.digits, 1, {{ length }}) = prefixes_{{ length }}.phone_prefix
    {%- endfor %}

)

select * from int_phone_places
