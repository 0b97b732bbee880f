{% macro generate_schema_name(custom_schema_name, node) -%}
    {#- Schema = the first folder under models/, or what a model or seed asks for. -#}
    {{ custom_schema_name or node.fqn[1] }}
{%- endmacro %}

{% macro generate_database_name(custom_database_name, node) -%}
    {#- DuckDB keeps the published marts in a file of their own; other engines have one catalog. -#}
    {%- if target.type == "duckdb" and generate_schema_name(node.config.schema, node) | trim == "marts" -%}
        vip_sms
    {%- elif target.database -%}
        {{ custom_database_name or target.database }}
    {%- endif -%}
{%- endmacro %}
