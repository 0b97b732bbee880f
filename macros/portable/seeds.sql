{% macro spark__load_csv_rows(model, agate_table) -%}
    {#- dbt-spark pastes cells unquoted, an empty one as None: here each is a literal of its type. -#}
    {%- set types = model.config.column_types %}
    {%- set rows = [] %}
    {%- for row in agate_table.rows %}
        {%- set cells = [] %}
        {%- for name, cell in row.dict().items() %}
            {%- if cell is none %}
                {%- do cells.append("null") %}
            {%- else %}
                {%- set text = cell | string | replace("\\", "\\\\") | replace("'", "\\'") %}
                {%- do cells.append("cast('" ~ text ~ "' as " ~ types[name] ~ ")") %}
            {%- endif %}
        {%- endfor %}
        {%- do rows.append("(" ~ cells | join(", ") ~ ")") %}
    {%- endfor %}
    {%- if not rows %}
        {{- return("") }}
    {%- endif %}
    {%- set statement = "insert into " ~ this ~ " values\n" ~ rows | join(",\n") %}
    {%- do adapter.add_query(statement, abridge_sql_log=True) %}
    {{- return(statement) }}
{%- endmacro %}
