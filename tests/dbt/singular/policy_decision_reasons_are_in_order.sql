-- Failure means reasons that cannot be asked one after the other: steps are 1 to n, those of law
-- come first, so that both arms of an experiment are drawn behind them, and member comes last.
with

reasons as (

    select
        reason_code,
        step,
        decision,
        is_legal,
        row_number() over (order by step, reason_code) as place,
        count(*) over () as reasons,
        max(case when is_legal then step end) over () as last_legal_step
    from {{ ref("decision_reasons") }}

),

faults as (

    select
        reason_code,
        step,
        place,
        case
            when step is null or step <> place then 'its step is not its place in 1, 2, 3'
            when decision is null or decision not in ('excluded', 'holdout', 'member')
                then 'its decision is none of excluded, holdout, member'
            when is_legal is null then 'nobody says whether it is of law'
            when not is_legal and step < last_legal_step then 'it comes before a reason of law'
            when is_legal and decision <> 'excluded' then 'a reason of law can only exclude'
            when (decision = 'member') <> (place = reasons)
                then 'member is the last step, and no other'
        end as fault
    from reasons

)

select *
from faults
where fault is not null
