{% macro parameter(name) -%}
    (
        select p.value
        from {{ ref("policy_parameters") }} as p
        where p.parameter = '{{ name }}'
    )
{%- endmacro %}
