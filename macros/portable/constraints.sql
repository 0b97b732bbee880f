{% macro spark__persist_constraints(relation, model) -%}
    {#- Parquet tables know no constraints: what a contract says is never null is looked up instead. -#}
    {%- set checks = [] %}
    {%- for column in model.columns.values() %}
        {%- if column.constraints | selectattr("type", "equalto", "not_null") | list %}
            {%- do checks.append("count(*) - count(" ~ column.name ~ ") as " ~ column.name) %}
        {%- endif %}
    {%- endfor %}
    {%- if checks %}
        {%- set nulls = run_query("select " ~ checks | join(", ") ~ " from " ~ relation).rows[0].dict() %}
        {%- for column, count in nulls.items() if count %}
            {%- do exceptions.raise_compiler_error(relation ~ ": " ~ count ~ " nulls in " ~ column) %}
        {%- endfor %}
    {%- endif %}
{%- endmacro %}
