with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

int_audience_near_threshold as (

    select
        customer_id,
        next_tier as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at,
        {{ merge_fields(amount="spend_to_next_tier") }}
    from tiers
    where
        is_near_next
        -- Who is about to lose a tier hears what keeps it, not what the next one takes.
        and projected_demotion_on is null

)

select * from int_audience_near_threshold
