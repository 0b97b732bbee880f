{%- set features = [
    "orders", "value", "discount", "category", "premium", "return", "engagement", "channel",
] %}
with

profiles as (

    select * from {{ ref("int_lookalike_profiles") }}

),

int_lookalike_groups as (

    select
        cohort,
        profile,
        {%- for feature in features %}
        {{ feature }}_level,
        {%- endfor %}
        cast(count(*) as bigint) as customers,
        cast(sum(case when became_vip then 1 else 0 end) as bigint) as vips
    from profiles
    group by
        cohort,
        {%- for feature in features %}
        {{ feature }}_level,
        {%- endfor %}
        profile

)

select * from int_lookalike_groups
