{% macro local_time(utc_timestamp, time_zone) -%}
    {{ adapter.dispatch("local_time")(utc_timestamp, time_zone) }}
{%- endmacro %}

{% macro default__local_time(utc_timestamp, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}

{% macro spark__local_time(utc_timestamp, time_zone) -%}
    from_utc_timestamp({{ utc_timestamp }}, {{ time_zone }})
{%- endmacro %}
