with

source as (

    select * from {{ source("raw", "rejects") }}

),

stg_load_rejects as (

    select
        -- ids
        customer_id,
        trim({{ json_text("row_data", "message_id") }}) as message_id,
        -- text
        table_name,
        file_name,
        column_name,
        reason,
        phone_e164,
        {{ json_text("row_data", "category") }} as category,
        -- numbers
        row_number as file_row
    from source

)

select * from stg_load_rejects
