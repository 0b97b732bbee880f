{% macro plain_words(text) -%}
    {#- Letters without accents and punctuation as spaces: what is left are the words. -#}
    {%- set letters = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝ" -%}
    {%- set marks = ".,;:!?()[]<>*#_-/+&@~|^=…’‘“”„«»¡¿`" -%}
    {%- set codes = [9, 10, 13, 34, 39, 160] -%}
    {%- set blanks = " " * (marks | length + codes | length) -%}
    {{ adapter.dispatch("single_spaces")(
        "translate(upper(" ~ text ~ "), '" ~ letters ~ marks ~ "' || chr("
        ~ codes | join(") || chr(") ~ "), 'AAAAAACEEEEIIIINOOOOOUUUUY" ~ blanks ~ "')"
    ) }}
{%- endmacro %}

{% macro default__single_spaces(text) -%}
    trim(regexp_replace({{ text }}, '[ ]+', ' ', 'g'))
{%- endmacro %}

{% macro spark__single_spaces(text) -%}
    trim(regexp_replace({{ text }}, '[ ]+', ' '))
{%- endmacro %}

{% macro json_text(json, key) -%}
    {{ adapter.dispatch("json_text")(json, key) }}
{%- endmacro %}

{% macro default__json_text(json, key) -%}
    json_extract_string({{ json }}, '$.{{ key }}')
{%- endmacro %}

{% macro spark__json_text(json, key) -%}
    get_json_object({{ json }}, '$.{{ key }}')
{%- endmacro %}
