-- Failure means a tier that may be texted without end: every rank, none included, has a cap on
-- promotion and one on everything over a day, a week and thirty days; or a cap that looks further
-- back than texts are remembered.
with

ranks as (

    select distinct tier_rank from {{ ref("tier_rules") }}
    union all
    select 0 as tier_rank

),

classes as (

    select 'promotional' as message_class
    union all
    select 'all' as message_class

),

lengths as (

    select 24 as window_hours
    union all
    select 168 as window_hours
    union all
    select 720 as window_hours

),

windows as (

    select
        classes.message_class,
        lengths.window_hours
    from classes
    cross join lengths

),

caps as (

    select * from {{ ref("frequency_caps") }}

)

select
    ranks.tier_rank,
    windows.message_class,
    windows.window_hours,
    'has no cap' as fault
from ranks
cross join windows
left join caps
    on
        ranks.tier_rank = caps.tier_rank
        and windows.message_class = caps.message_class
        and windows.window_hours = caps.window_hours
where caps.max_messages is null or caps.max_messages < 0

union all

select
    tier_rank,
    message_class,
    window_hours,
    'looks further back than texts are remembered' as fault
from caps
where window_hours > 24 * {{ parameter("message_memory_days") }}
