{{ config(materialized="view") }}

with

sent as (

    select * from {{ ref("int_contact_texts") }}

),

decided as (

    select * from {{ ref("int_decided_messages") }}

),

int_contact_messages as (

    select
        message_id,
        contact_id,
        audience_id,
        cast(null as {{ dbt.type_string() }}) as subject_id,
        message_class,
        sent_at,
        1 as messages
    from sent

    union all

    select
        cast(null as {{ dbt.type_string() }}) as message_id,
        contact_id,
        audience_id,
        subject_id,
        message_class,
        sent_at,
        messages
    from decided

)

select * from int_contact_messages
