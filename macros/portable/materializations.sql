{% materialization table, adapter="duckdb" %}
    {{- return(vip_sms.made_anew("table")) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {{- return(vip_sms.made_anew("view")) }}
{% endmaterialization %}

{% macro made_anew(kind) -%}
    {#- In DuckDB a transaction covers what is dropped and made: dbt's own way, made for engines where it does
        not, renames twice and drops after it, a quarter of the time of a small build. -#}
    {%- set relation = this.incorporate(type=kind) %}
    {%- set former = load_cached_relation(this) %}
    {{- run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {%- if former %}
        drop {{ former.type }} if exists {{ former }};
        {%- endif %}
        {%- if kind == "table" %}
        {{ create_table_as(False, relation, compiled_code) }}
        {%- else %}
        {{ create_view_as(relation, compiled_code) }}
        {%- endif %}
    {%- endcall %}
    {{- run_hooks(post_hooks) }}
    {%- do adapter.commit() %}
    {{- return({"relations": [relation]}) }}
{%- endmacro %}
