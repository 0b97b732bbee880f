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

{% macro says_category(words, category) -%}
    {#- A phrase says so among other words as well; a single word means many things beside others. -#}
    (
        {{ words }} = {{ category }}
        or (
            {{ category }} like '% %'
            and instr(' ' || {{ words }} || ' ', ' ' || {{ category }} || ' ') > 0
        )
    )
{%- endmacro %}
