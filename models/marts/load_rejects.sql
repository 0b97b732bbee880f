with

load_rejects as (

    select
        {{ as_of_date() }} as as_of_date,
        table_name,
        file_name,
        file_row,
        column_name,
        reason
    from {{ ref("stg_load_rejects") }}

)

select * from load_rejects
