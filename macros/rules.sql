{% macro metric_of(name_column, relation, metrics) -%}
    case {{ name_column }}
        {%- for metric in metrics %}
        when '{{ metric }}' then cast({{ relation }}.{{ metric }} as double)
        {%- endfor %}
    end
{%- endmacro %}

{% macro meets(value, rule_column, threshold) -%}
    case {{ rule_column }}
        when 'at_least' then {{ value }} >= {{ threshold }}
        when 'at_most' then {{ value }} <= {{ threshold }}
    end
{%- endmacro %}

{% macro within(value, least, most) -%}
    coalesce({{ value }} >= {{ least }}, {{ least }} is null)
    and coalesce({{ value }} <= {{ most }}, {{ most }} is null)
{%- endmacro %}
