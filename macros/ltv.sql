{% macro nearest_week(days) -%}
    cast(floor((2 * {{ days }} + 7) / 14) as int)
{%- endmacro %}
