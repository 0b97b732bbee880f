{% macro as_of_date() -%}
    {#- dbt parses what read a variable anew when that has changed: while it parses, none is read. -#}
    {%- set day = env_var("VIP_AS_OF_DATE", "1970-01-01") if execute else "1970-01-01" -%}
    cast('{{ day }}' as date)
{%- endmacro %}

{% macro moment_of(date_column) -%}
    cast({{ date_column }} as {{ dbt.type_timestamp() }})
{%- endmacro %}

{% macro as_of_moment() -%}
    {{ moment_of(as_of_date()) }}
{%- endmacro %}

{% macro days_after(column, parameter_name) -%}
    {{ moment_of(date_plus("cast(" ~ column ~ " as date)", parameter(parameter_name), "day")) }}
{%- endmacro %}

{% macro days_ago(parameter_name) -%}
    {{ moment_of(date_plus(as_of_date(), "-" ~ parameter(parameter_name), "day")) }}
{%- endmacro %}

{% macro known_before() -%}
    {#- A night to come, asked from an earlier one, knows no more than that one does. -#}
    {%- set day = env_var("VIP_KNOWN_BEFORE", "") if execute else "" -%}
    {%- if day -%} cast('{{ day }}' as date) {%- else -%} {{ as_of_date() }} {%- endif -%}
{%- endmacro %}

{% macro is_before_as_of(timestamp_column) -%}
    {{ timestamp_column }} < cast({{ known_before() }} as timestamp)
{%- endmacro %}

{% macro known_at_as_of(timestamp_column) -%}
    case when {{ is_before_as_of(timestamp_column) }} then {{ timestamp_column }} end
{%- endmacro %}

{% macro next_midnight(timestamp_column) -%}
    {{ date_plus("cast(" ~ timestamp_column ~ " as date)", 1, "day") }}
{%- endmacro %}

{% macro is_in_last_months(timestamp_column, months, until=none) -%}
    {%- set until = until or as_of_date() -%}
    {{ timestamp_column }} >= cast({{ date_plus(until, "-" ~ months, "month") }} as timestamp)
    and {{ timestamp_column }} < cast({{ until }} as timestamp)
{%- endmacro %}

{% macro leaves_rolling_months_on(date_column, months) -%}
    greatest(
        {{ date_plus(date_plus(date_column, months, "month"), 1, "day") }},
        {{ date_plus(date_plus(date_column, 1, "day"), months, "month") }}
    )
{%- endmacro %}

{% macro cadence_on_or_after(date_column, cadence_column, anchor_column) -%}
    case
        when {{ cadence_column }} = 'daily' then {{ date_column }}
        when {{ cadence_column }} = 'weekly'
            then {{ date_plus(date_column, "mod(8 - " ~ iso_dow(date_column) ~ ", 7)", "day") }}
        when {{ cadence_column }} = 'monthly' then {{ first_on_or_after(date_column, "month", 1) }}
        when {{ cadence_column }} = 'quarterly'
            then {{ first_on_or_after(date_column, "quarter", 3) }}
        when {{ cadence_column }} = 'yearly' then {{ first_on_or_after(date_column, "year", 12) }}
        when {{ cadence_column }} like 'every_%_months'
            then {{ every_months_on_or_after(
                date_column,
                "cast(" ~ dbt.split_part(cadence_column, "'_'", 2) ~ " as int)",
                anchor_column,
            ) }}
    end
{%- endmacro %}

{% macro every_months_on_or_after(date_column, months, anchor_column) -%}
    {#- Counted from the anchor each time: 31 January, 30 April, 31 July, and never 30 July. -#}
    {%- set apart %}
    ((extract(year from {{ date_column }}) - extract(year from {{ anchor_column }})) * 12
    + extract(month from {{ date_column }}) - extract(month from {{ anchor_column }}))
    {%- endset %}
    {%- set full_months = "cast(floor(" ~ apart ~ " / " ~ months ~ ") * " ~ months ~ " as int)" -%}
    case
        when {{ date_plus(anchor_column, full_months, "month") }} >= {{ date_column }}
            then {{ date_plus(anchor_column, full_months, "month") }}
        else {{ date_plus(anchor_column, full_months ~ " + " ~ months, "month") }}
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

{% macro whole_numbers() -%}
    {#- 0 to 9999, without recursion: as many days as 27 years have. -#}
    {%- set digits = "(select " ~ range(10) | join(" as n union all select ") ~ " as n)" -%}
    (
        select ones.n + 10 * tens.n + 100 * hundreds.n + 1000 * thousands.n as number
        from {{ digits }} as ones
        cross join {{ digits }} as tens
        cross join {{ digits }} as hundreds
        cross join {{ digits }} as thousands
    )
{%- endmacro %}

{% macro at_time(date_column, time) -%}
    cast(cast({{ date_column }} as {{ dbt.type_string() }}) || ' ' || {{ time }} || ':00' as {{ dbt.type_timestamp() }})
{%- endmacro %}
