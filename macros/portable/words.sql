{% macro plain_words(text) -%}
    {#- Accents of their own letter first, then those that stand behind it, with what nobody sees; what
        is neither letter nor digit parts words. Letters of double width are letters. -#}
    {%- set letters = "ÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖÙÚÛÜÝ"
        ~ "ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ" -%}
    {{ adapter.dispatch("words_alone")(
        "translate(upper(" ~ text ~ "), '" ~ letters
        ~ "', 'AAAAAACEEEEIIIINOOOOOUUUUYABCDEFGHIJKLMNOPQRSTUVWXYZ')"
    ) }}
{%- endmacro %}

{% macro default__words_alone(text) -%}
    trim(regexp_replace(
        regexp_replace({{ text }}, '[\p{M}\p{Cf}]+', '', 'g'),
        '[^\p{Lu}\p{Ll}\p{Lo}\p{N}]+', ' ', 'g'
    ))
{%- endmacro %}

{% macro spark__words_alone(text) -%}
    trim(regexp_replace(
        regexp_replace({{ text }}, '[\\p{M}\\p{Cf}]+', ''),
        '[^\\p{Lu}\\p{Ll}\\p{Lo}\\p{N}]+', ' '
    ))
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
