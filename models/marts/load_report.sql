with

load_report as (

    select
        {{ as_of_date() }} as as_of_date,
        table_name,
        file_name,
        rows_read,
        rows_loaded,
        rows_rejected,
        exact_duplicates,
        rows_erased,
        unknown_columns
    from {{ ref("stg_load_report") }}

)

select * from load_report
