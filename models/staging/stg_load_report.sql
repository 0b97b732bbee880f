with

source as (

    select * from {{ source("raw", "load_report") }}

),

stg_load_report as (

    select
        -- text
        table_name,
        file_name,
        unknown_columns,
        -- numbers
        rows_read,
        rows_loaded,
        rows_rejected,
        exact_duplicates,
        rows_erased
    from source

)

select * from stg_load_report
