-- Failure means segments that contradict themselves: a behaviour without one priority of its own, a
-- sign that counts nothing, bands of attention that do not reach everybody.
with

behaviours as (

    select
        behaviour_segment,
        min(priority) as priority,
        count(distinct priority) as priorities,
        count(*) as rules,
        count(priority) as ranked_rules
    from {{ ref("behaviour_rules") }}
    group by behaviour_segment

),

placed_behaviours as (

    select
        *,
        count(*) over (partition by priority) as behaviours_of_priority
    from behaviours

),

signals as (

    select * from {{ ref("signal_rules") }}

),

bands as (

    select
        count(*) as bands,
        max(top_share) as widest_share
    from {{ ref("attention_bands") }}

),

faults as (

    select
        'behaviour_rules' as seed,
        behaviour_segment as item,
        case
            when priorities <> 1 or ranked_rules < rules
                then 'its rules do not have one priority'
            when behaviours_of_priority > 1 then 'shares its priority with another behaviour'
        end as fault
    from placed_behaviours

    union all

    select
        'signal_rules' as seed,
        signal as item,
        'counts no points' as fault
    from signals
    where points is null or points <= 0

    union all

    select
        'attention_bands' as seed,
        cast(null as {{ dbt.type_string() }}) as item,
        'no band reaches everybody: the widest has a share of 1' as fault
    from bands
    where bands = 0 or widest_share <> 1

)

select *
from faults
where fault is not null
