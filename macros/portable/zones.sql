{% macro local_time(utc_timestamp, time_zone) -%}
    {{ adapter.dispatch("local_time")(utc_timestamp, time_zone) }}
{%- endmacro %}

{% macro default__local_time(utc_timestamp, time_zone) -%}
    timezone({{ time_zone }}, timezone('UTC', {{ utc_timestamp }}))
{%- endmacro %}

{% macro spark__local_time(utc_timestamp, time_zone) -%}
    from_utc_timestamp({{ utc_timestamp }}, {{ time_zone }})
{%- endmacro %}
{% macro time_plus(timestamp_column, count, unit) -%}
    {{ adapter.dispatch("time_plus")(timestamp_column, count, unit) }}
{%- endmacro %}

{% macro default__time_plus(timestamp_column, count, unit) -%}
    ({{ timestamp_column }} + to_{{ unit }}s(cast({{ count }} as integer)))
{%- endmacro %}

{% macro spark__time_plus(timestamp_column, count, unit) -%}
    {%- set place = {"hour": "0, %s, 0", "minute": "0, 0, %s"}[unit] -%}
    ({{ timestamp_column }} + make_dt_interval({{ place | format("cast(" ~ count ~ " as int)") }}))
{%- endmacro %}

{% macro local_to_utc(local_time, zone) -%}
    {{ adapter.dispatch("local_to_utc")(local_time, zone) }}
{%- endmacro %}

{% macro default__local_to_utc(local_time, zone) -%}
    timezone('UTC', timezone({{ zone }}, {{ local_time }}))
{%- endmacro %}

{% macro spark__local_to_utc(local_time, zone) -%}
    to_utc_timestamp({{ local_time }}, {{ zone }})
{%- endmacro %}

{% macro hours_between(earlier, later) -%}
    {{ adapter.dispatch("hours_between")(earlier, later) }}
{%- endmacro %}

{% macro default__hours_between(earlier, later) -%}
    (date_diff('second', {{ earlier }}, {{ later }}) / cast(3600 as double))
{%- endmacro %}

{% macro spark__hours_between(earlier, later) -%}
    (cast(unix_timestamp({{ later }}) - unix_timestamp({{ earlier }}) as double) / 3600)
{%- endmacro %}
