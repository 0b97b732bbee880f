{%- set traits = [
    "acquisition_channel", "region", "language", "age_decade", "favourite_category",
    "favourite_brand", "price_band", "behaviour_segment", "discount_sensitivity",
    "preferred_sales_channel", "preferred_device",
] %}
with

customers as (

    select * from {{ ref("customer_value") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

profiles as (

    select * from {{ ref("stg_customers") }}

),

segments as (

    select * from {{ ref("customer_segments") }}

),

birth_years as (

    select
        customer_id,
        birth_date,
        cast(
            extract(year from {{ as_of_date() }}) - extract(year from birth_date) as int
        ) as years
    from profiles

),

-- To the day: a year of 365.25 days makes some of those who turn 30 wait until the day after.
ages as (

    select
        customer_id,
        case
            when {{ date_plus("birth_date", "12 * years", "month") }} > {{ as_of_date() }}
                then years - 1
            else years
        end as age
    from birth_years

),

-- Who ever bought; a decade of age and no more of the day of birth.
described as (

    select
        profiles.acquisition_channel,
        profiles.language,
        segments.region,
        cast(floor(ages.age / 10.0) * 10 as int) as age_decade,
        segments.favourite_category,
        segments.favourite_brand,
        segments.price_band,
        segments.behaviour_segment,
        segments.discount_sensitivity,
        segments.preferred_sales_channel,
        segments.preferred_device,
        customers.cm3_12m,
        case when tiers.tier_rank > 0 then 1 else 0 end as is_vip
    from customers
    inner join tiers on customers.customer_id = tiers.customer_id
    inner join profiles on customers.customer_id = profiles.customer_id
    inner join ages on customers.customer_id = ages.customer_id
    inner join segments on customers.customer_id = segments.customer_id
    where customers.orders_lifetime > 0 and not customers.is_test

),

int_segment_traits as (

    {%- for trait in traits %}
    select
        '{{ trait }}' as trait,
        cast({{ trait }} as {{ dbt.type_string() }}) as trait_value,
        count(*) as customers,
        sum(is_vip) as vips,
        {{ money("sum(cm3_12m)") }} as cm3_12m
    from described
    where {{ trait }} is not null
    group by {{ trait }}
    {{ "union all\n" if not loop.last }}
    {%- endfor %}

)

select * from int_segment_traits
