-- Failure means a version that nobody answers for. The first version may be approved after its
-- first day, because it also rules the history before there was a programme; later ones may not.
with

versions as (

    select
        policy_version,
        effective_from,
        owner,
        approver,
        approved_on,
        review_on,
        row_number() over (order by effective_from, policy_version) as place
    from {{ ref("policy_versions") }}

),

faults as (

    select
        policy_version,
        effective_from,
        approved_on,
        review_on,
        case
            when coalesce(trim(owner), '') = '' then 'has no owner'
            when coalesce(trim(approver), '') = '' then 'has no approver'
            when approved_on is null then 'has no day of approval'
            when place > 1 and approved_on > effective_from
                then 'was approved after it came into force'
            when review_on is null or review_on <= approved_on
                then 'is not to be looked at again after its approval'
        end as fault
    from versions

)

select *
from faults
where fault is not null
