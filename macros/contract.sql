{% macro has_table(name) -%}
    (
        select t.is_present
        from {{ ref("stg_contract_tables") }} as t
        where t.table_name = '{{ name }}'
    )
{%- endmacro %}
