{% macro as_of_date() -%}
    cast('{{ env_var("VIP_AS_OF_DATE", "1970-01-01") }}' as date)
{%- endmacro %}

{% macro is_before_as_of(timestamp_column) -%}
    {{ timestamp_column }} < cast({{ as_of_date() }} as timestamp)
{%- endmacro %}

{% macro known_at_as_of(timestamp_column) -%}
    case when {{ is_before_as_of(timestamp_column) }} then {{ timestamp_column }} end
{%- endmacro %}

{% macro is_in_last_months(timestamp_column, months, until=none) -%}
    {%- set until = until or as_of_date() -%}
    {{ timestamp_column }} >= cast({{ date_plus(until, "-" ~ months, "month") }} as timestamp)
    and {{ timestamp_column }} < cast({{ until }} as timestamp)
{%- endmacro %}

{% macro leaves_rolling_year_on(date_column) -%}
    greatest(
        {{ date_plus(date_plus(date_column, 12, "month"), 1, "day") }},
        {{ date_plus(date_plus(date_column, 1, "day"), 12, "month") }}
    )
{%- endmacro %}

{% macro cadence_on_or_after(date_column, cadence_column) -%}
    case {{ cadence_column }}
        when 'daily' then {{ date_column }}
        when 'weekly' then {{ date_plus(date_column, "mod(8 - " ~ iso_dow(date_column) ~ ", 7)", "day") }}
        when 'monthly' then {{ first_on_or_after(date_column, "month", 1) }}
        when 'quarterly' then {{ first_on_or_after(date_column, "quarter", 3) }}
    end
{%- endmacro %}

{% macro first_on_or_after(date_column, period, months) -%}
    case
        when {{ period_start(date_column, period) }} = {{ date_column }} then {{ date_column }}
        else {{ date_plus(period_start(date_column, period), months, "month") }}
    end
{%- endmacro %}

{% macro sum_in_last_months(amount, timestamp_column, months, until=none) -%}
    sum(case when {{ is_in_last_months(timestamp_column, months, until) }} then {{ amount }} else 0 end)
{%- endmacro %}
