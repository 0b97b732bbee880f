with

traits as (

    select * from {{ ref("int_segment_traits") }}

),

totals as (

    select
        trait,
        sum(customers) as customers,
        sum(vips) as vips
    from traits
    group by trait

),

-- A group too small to tell anything, or to hide anybody in, is not shown.
vip_traits as (

    select
        {{ as_of_date() }} as as_of_date,
        traits.trait,
        traits.trait_value,
        cast(traits.customers as bigint) as customers,
        cast(traits.vips as bigint) as vips,
        {{ ratio("traits.customers", "totals.customers") }} as customer_share,
        {{ ratio("traits.vips", "totals.vips") }} as vip_share,
        {{ ratio("traits.vips", "traits.customers") }} as vip_rate,
        {{ ratio("traits.vips", "traits.customers") }}
        / nullif({{ ratio("totals.vips", "totals.customers") }}, 0) as lift,
        {{ money_of_double(ratio("traits.cm3_12m", "traits.customers")) }} as mean_cm3_12m
    from traits
    inner join totals on traits.trait = totals.trait
    where traits.customers >= {{ parameter("trait_min_customers") }}

)

select * from vip_traits
