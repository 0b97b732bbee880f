-- Failure means a date on which no version of the policy rules, or two do, or one that cannot.
with

versions as (

    select
        policy_version,
        effective_from,
        effective_to,
        grace_months,
        lead(policy_version) over (order by effective_from, policy_version) as next_version,
        lead(effective_from) over (order by effective_from, policy_version) as next_from
    from {{ ref("policy_versions") }}

),

faults as (

    select
        policy_version,
        effective_from,
        effective_to,
        next_version,
        next_from,
        case
            when effective_from is null then 'has no first day'
            when effective_to <= effective_from then 'ends before it begins'
            when grace_months is null or grace_months < 0 then 'has no grace of 0 months or more'
            when next_from is not null and (effective_to is null or effective_to > next_from)
                then 'still rules when the next version begins'
            when effective_to < next_from then 'leaves days before the next version begins'
            when next_version is null and effective_to is not null
                then 'ends, and no version follows'
        end as fault
    from versions

)

select *
from faults
where fault is not null
