with

source as (

    select * from {{ source("raw", "contract_tables") }}

),

stg_contract_tables as (

    select
        -- ids
        table_name,
        -- flags
        is_required,
        is_present
    from source

)

select * from stg_contract_tables
