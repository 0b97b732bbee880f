-- Failure means a holdout that measures nothing: everybody held out, two periods at once, or a draw
-- that repeats another.
with

holdouts as (

    select
        experiment_id,
        share,
        salt,
        effective_from,
        effective_to,
        lead(effective_from) over (
            partition by experiment_id
            order by effective_from
        ) as next_from,
        min(experiment_id) over (partition by salt) as first_with_salt,
        max(experiment_id) over (partition by salt) as last_with_salt
    from {{ ref("holdouts") }}

),

faults as (

    select
        experiment_id,
        effective_from,
        effective_to,
        next_from,
        share,
        salt,
        case
            when share is null or share < 0 or share >= 1
                then 'its share is not 0 or more and below 1'
            when coalesce(trim(salt), '') = '' then 'it has no salt'
            when effective_from is null then 'it has no first night'
            when effective_to <= effective_from then 'it ends before it begins'
            when next_from is not null and (effective_to is null or effective_to > next_from)
                then 'it still draws when the next period begins'
            when first_with_salt <> last_with_salt
                then 'another experiment has the same salt and would hold out the same people'
        end as fault
    from holdouts

)

select *
from faults
where fault is not null
