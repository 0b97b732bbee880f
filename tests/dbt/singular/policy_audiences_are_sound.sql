-- Failure means an audience that nobody can be in, or one that nothing holds back.
with

audiences as (

    select * from {{ ref("audiences") }}

),

holdouts as (

    select distinct experiment_id from {{ ref("holdouts") }}

),

faults as (

    select
        audiences.audience_id,
        audiences.condition_model,
        audiences.holdout_experiment_id,
        case
            when
                audiences.condition_model is null
                or audiences.condition_model not in (
                    {% for condition in audience_conditions() %}
                    '{{ condition }}',
                    {% endfor %}
                    ''
                )
                then 'its condition is not among those of macros/audiences.sql'
            when audiences.is_message is null then 'nobody says whether it is a message'
            when audiences.tier_floor_rank is null or audiences.priority is null
                then 'it has no floor or no priority'
            when audiences.is_message and coalesce(audiences.validity_hours, 0) <= 0
                then 'its message makes sense at no time'
            when
                audiences.is_message
                and (audiences.cooldown_days is null or audiences.other_channel_hours is null)
                then 'it has no cool-down, or none over channels'
            when coalesce(trim(audiences.owner), '') = '' then 'it has no owner'
            when audiences.holdout_experiment_id is not null and holdouts.experiment_id is null
                then 'its experiment is not in the seed holdouts'
        end as fault
    from audiences
    left join holdouts on audiences.holdout_experiment_id = holdouts.experiment_id

)

select *
from faults
where fault is not null
