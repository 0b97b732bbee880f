{% macro spend_by_basis(basis, relation) -%}
    case {{ basis }}
        when 'gross' then {{ relation }}.gross_revenue
        when 'net_of_discounts' then {{ relation }}.order_revenue
        when 'net_of_discounts_and_returns' then {{ relation }}.order_revenue - {{ relation }}.refund_amount
    end
{%- endmacro %}

{% macro qualification_window_from(period, until) -%}
    case {{ period }}
        when 'rolling_12_months' then {{ date_plus(until, -12, "month") }}
        when 'calendar_year' then {{ period_start(until, "year") }}
    end
{%- endmacro %}

{% macro leaves_window_on(period, date_column) -%}
    case {{ period }}
        when 'rolling_12_months' then {{ leaves_rolling_year_on(date_column) }}
        when 'calendar_year'
            then {{ date_plus(period_start(date_column, "year"), 12, "month") }}
    end
{%- endmacro %}

{% macro demotion_due_on(grace_from, not_before) -%}
    {#- The first cadence date on or after the end of the grace period; columns of the policy in scope. -#}
    {{ cadence_on_or_after(
        "greatest(" ~ date_plus(grace_from, "grace_months", "month") ~ ", " ~ not_before ~ ")",
        "demotion_cadence",
    ) }}
{%- endmacro %}
