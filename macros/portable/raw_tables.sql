{% macro create_raw_tables(folder) -%}
    {#- DuckDB's raw schema is written by the loader; elsewhere it is Parquet files read in place. -#}
    {%- for source in graph.sources.values() | selectattr("source_name", "equalto", "raw") %}
        {%- if loop.first %}
            {%- do run_query("create schema if not exists " ~ source.schema) %}
        {%- endif %}
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
            ~ folder ~ "/" ~ source.identifier ~ "'"
        ) %}
    {%- endfor %}
{%- endmacro %}
