with

met as (

    {{ union_of_conditions() }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

audience_occurrences as (

    select
        {{ as_of_date() }} as as_of_date,
        audiences.audience_id,
        met.customer_id,
        met.subject_id,
        met.occurred_at,
        met.expires_at,
        {{ merge_fields("met") }}
    from met
    inner join audiences on met.condition_model = audiences.condition_model
    inner join tiers
        on
            met.customer_id = tiers.customer_id
            and audiences.tier_floor_rank <= tiers.tier_rank
    where met.expires_at is null or met.expires_at > {{ as_of_moment() }}

)

select * from audience_occurrences
