{% macro money(expression) -%}
    cast({{ expression }} as decimal(18, 4))
{%- endmacro %}

{% macro money_of_double(expression) -%}
    {#- Engines round a double that stands on a half either way; eight decimals first, and it is a half.
        No more than 18 digits in all: wider ones cost a microsecond a row. -#}
    {{ money("cast(" ~ expression ~ " as decimal(18, 8))") }}
{%- endmacro %}

{% macro ratio(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif(cast({{ denominator }} as double), 0)
{%- endmacro %}

{% macro pct(expression, share) -%}
    {#- Engines part in the last digit of what they interpolate, and a value may stand on the cut. -#}
    round({{ adapter.dispatch("pct")(expression, share) }}, 6)
{%- endmacro %}

{% macro default__pct(expression, share) -%}
    {#- The same figure as quantile_cont, which takes three times as long for a million small groups. -#}
    list_aggregate(list(cast({{ expression }} as double)), 'quantile_cont', {{ share }})
{%- endmacro %}

{% macro spark__pct(expression, share) -%}
    percentile(cast({{ expression }} as double), {{ share }})
{%- endmacro %}

{% macro hash_bucket(salt, key) -%}
    {{ adapter.dispatch("hash_bucket")(salt, key) }}
{%- endmacro %}

{% macro default__hash_bucket(salt, key) -%}
    cast(cast('0x' || left(md5({{ salt }} || ':' || {{ key }}), 8) as ubigint) as double) / 4294967296
{%- endmacro %}

{% macro spark__hash_bucket(salt, key) -%}
    cast(conv(left(md5({{ salt }} || ':' || {{ key }}), 8), 16, 10) as double) / 4294967296
{%- endmacro %}
