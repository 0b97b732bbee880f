{% macro care_signals() -%}
    {#- What one thing says of a mood: an answer it does not give is null, a count it leaves is 0. -#}
    cast({{ kwargs.get("latest_nps", "null") }} as {{ dbt.type_int() }}) as latest_nps,
    cast({{ kwargs.get("csat", "null") }} as {{ dbt.type_int() }}) as csat,
    cast({{ kwargs.get("sentiment", "null") }} as double) as sentiment
    {%- for name in [
        "tickets", "return_count", "open_incidents", "severe_incidents", "complaints"
    ] %},
    {{ kwargs.get(name, 0) }} as {{ name }}
    {%- endfor %}
{%- endmacro %}
