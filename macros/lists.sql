{% macro is_in_list(value, list) -%}
    instr(',' || {{ list }} || ',', ',' || {{ value }} || ',') > 0
{%- endmacro %}
