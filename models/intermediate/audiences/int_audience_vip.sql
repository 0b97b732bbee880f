with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_vip as (

    select
        customer_id,
        tier as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at,
        {{ merge_fields() }}
    from tiers
    where tier_rank > 0

)

select * from int_audience_vip
