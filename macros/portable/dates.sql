{% macro date_plus(date_column, count, unit) -%}
    {{ adapter.dispatch("date_plus")(date_column, count, unit) }}
{%- endmacro %}

{% macro default__date_plus(date_column, count, unit) -%}
    cast({{ date_column }} + to_{{ unit }}s(cast({{ count }} as integer)) as date)
{%- endmacro %}

{% macro spark__date_plus(date_column, count, unit) -%}
    {%- if unit == "day" -%}
        date_add({{ date_column }}, cast({{ count }} as int))
    {%- else -%}
        cast(add_months({{ date_column }}, cast({{ count }} as int)) as date)
    {%- endif -%}
{%- endmacro %}

{% macro period_start(date_column, period) -%}
    cast(date_trunc('{{ period }}', {{ date_column }}) as date)
{%- endmacro %}

{% macro days_between(earlier, later) -%}
    {{ adapter.dispatch("days_between")(earlier, later) }}
{%- endmacro %}

{% macro default__days_between(earlier, later) -%}
    date_diff('day', cast({{ earlier }} as date), cast({{ later }} as date))
{%- endmacro %}

{% macro spark__days_between(earlier, later) -%}
    cast(datediff(cast({{ later }} as date), cast({{ earlier }} as date)) as bigint)
{%- endmacro %}

{% macro iso_dow(date_column) -%}
    {{ adapter.dispatch("iso_dow")(date_column) }}
{%- endmacro %}

{% macro default__iso_dow(date_column) -%}
    isodow({{ date_column }})
{%- endmacro %}

{% macro spark__iso_dow(date_column) -%}
    (weekday({{ date_column }}) + 1)
{%- endmacro %}

{% macro hours_after(timestamp_column, hours) -%}
    {{ adapter.dispatch("hours_after")(timestamp_column, hours) }}
{%- endmacro %}

{% macro default__hours_after(timestamp_column, hours) -%}
    {{ timestamp_column }} + to_hours(cast({{ hours }} as integer))
{%- endmacro %}

{% macro spark__hours_after(timestamp_column, hours) -%}
    timestampadd(hour, cast({{ hours }} as int), {{ timestamp_column }})
{%- endmacro %}
