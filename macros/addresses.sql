{% macro mail_address(text) -%}
    {#- One @, something before it, a domain with a dot behind it, no blanks: more a platform knows. -#}
    {%- set blanks = [9, 10, 13, 160] -%}
    {%- set address = "lower(trim(translate(" ~ text ~ ", chr(" ~ blanks | join(") || chr(")
        ~ "), '" ~ " " * (blanks | length) ~ "')))" -%}
    case
        when
            {{ address }} like '_%@_%._%'
            and {{ address }} not like '%@%@%'
            and {{ address }} not like '% %'
            then {{ address }}
    end
{%- endmacro %}
