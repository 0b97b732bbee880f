with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_halfway as (

    select
        customer_id,
        next_tier as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at,
        {{ merge_fields(amount="spend_to_next_tier") }}
    from tiers
    where is_halfway_to_next and not is_near_next and projected_demotion_on is null

)

select * from int_audience_halfway
