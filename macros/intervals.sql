{#- Bounds are rounded: where one is 0, engines leave crumbs of it in the last digits. -#}
{% macro wilson_bound(successes, trials, z, side) -%}
    {%- set share = ratio(successes, trials) -%}
    {%- set n = "nullif(cast(" ~ trials ~ " as double), 0)" -%}
    round((
        {{ share }} + {{ z }} * {{ z }} / (2 * {{ n }})
        {{ {"low": "-", "high": "+"}[side] }} {{ z }} * sqrt(
            {{ share }} * (1 - {{ share }}) / {{ n }} + {{ z }} * {{ z }} / (4 * {{ n }} * {{ n }})
        )
    ) / (1 + {{ z }} * {{ z }} / {{ n }}), 9)
{%- endmacro %}

{% macro count_bound(weighted, weight, z, side) -%}
    round(
        {{ weighted }} + {{ weight }} * {{ z }} * {{ z }} / 2
        {{ {"low": "-", "high": "+"}[side] }} {{ z }} * sqrt(
            {{ weighted }} * {{ weight }} + {{ weight }} * {{ weight }} * {{ z }} * {{ z }} / 4
        ), 9
    )
{%- endmacro %}

{% macro ratio_bound(above, above_bound, below, below_bound, side) -%}
    {#- Bounds of two numbers make one of their ratio; each may be as far from normal as it likes. -#}
    case
        when {{ below_bound }} > 0 and 2 * {{ below }} > {{ below_bound }}
            then round((
                {{ above }} * {{ below }} {{ {"low": "-", "high": "+"}[side] }} sqrt(greatest(
                    {{ above }} * {{ above }} * {{ below }} * {{ below }}
                    - {{ above_bound }} * {{ below_bound }}
                    * (2 * {{ above }} - {{ above_bound }}) * (2 * {{ below }} - {{ below_bound }}),
                    0
                ))
            ) / ({{ below_bound }} * (2 * {{ below }} - {{ below_bound }})), 9)
    end
{%- endmacro %}
