-- Failure means a rejected record is counted but not kept, or kept but not counted.
with

counted as (

    select
        table_name,
        sum(rows_rejected) as rejects
    from {{ ref("load_report") }}
    group by table_name

),

kept as (

    select
        table_name,
        count(*) as rejects
    from {{ ref("load_rejects") }}
    group by table_name

)

select
    counted.table_name,
    counted.rejects as expected,
    coalesce(kept.rejects, 0) as observed
from counted
left join kept on counted.table_name = kept.table_name
where counted.rejects <> coalesce(kept.rejects, 0)
