{% materialization table, adapter="duckdb" %}
    {#- In DuckDB a transaction covers what is dropped and made: dbt's own way, made for engines where it does
        not, renames twice and drops after it, a quarter of the time of a small build. -#}
    {%- set relation = this.incorporate(type="table") %}
    {%- set former = load_cached_relation(this) %}
    {{- run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {%- if former %}
        drop {{ former.type }} if exists {{ former }};
        {%- endif %}
        {{ create_table_as(False, relation, compiled_code) }}
    {%- endcall %}
    {{- run_hooks(post_hooks) }}
    {%- do adapter.commit() %}
    {{- return({"relations": [relation]}) }}
{% endmaterialization %}

{% materialization view, adapter="duckdb" %}
    {%- set relation = this.incorporate(type="view") %}
    {%- set former = load_cached_relation(this) %}
    {{- run_hooks(pre_hooks) }}
    {%- call statement("main") -%}
        {%- if former %}
        drop {{ former.type }} if exists {{ former }};
        {%- endif %}
        {{ create_view_as(relation, compiled_code) }}
    {%- endcall %}
    {{- run_hooks(post_hooks) }}
    {%- do adapter.commit() %}
    {{- return({"relations": [relation]}) }}
{% endmaterialization %}
