{% macro text_list(expression, separator=",") -%}
    {{ adapter.dispatch("text_list")(expression, separator) }}
{%- endmacro %}

{% macro default__text_list(expression, separator) -%}
    string_agg({{ expression }}, '{{ separator }}' order by {{ expression }})
{%- endmacro %}

{% macro spark__text_list(expression, separator) -%}
    array_join(sort_array(collect_list({{ expression }})), '{{ separator }}')
{%- endmacro %}
