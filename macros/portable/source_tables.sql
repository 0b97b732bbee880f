{% macro create_source_tables(folder) -%}
    {#- DuckDB's are written by the program; elsewhere they are Parquet files read in place. -#}
    {%- for schema in graph.sources.values() | map(attribute="schema") | unique %}
        {%- do run_query("create schema if not exists " ~ schema) %}
    {%- endfor %}
    {%- for source in graph.sources.values() %}
        {%- set columns = [] %}
        {%- for column in source.columns.values() %}
            {%- do columns.append(
                column.name ~ " " ~ column.data_type | replace("varchar", "string")
            ) %}
        {%- endfor %}
        {%- set relation = source.schema ~ "." ~ source.identifier %}
        {%- do run_query("drop table if exists " ~ relation) %}
        {%- do run_query(
            "create table " ~ relation ~ " (" ~ columns | join(", ") ~ ") using parquet location '"
            ~ folder ~ "/" ~ source.schema ~ "/" ~ source.identifier ~ "'"
        ) %}
    {%- endfor %}
{%- endmacro %}
