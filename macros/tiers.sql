{% macro spend_by_basis(basis, relation) -%}
    case {{ basis }}
        when 'gross' then {{ relation }}.gross_revenue
        when 'net_of_discounts' then {{ relation }}.order_revenue
        when 'net_of_discounts_and_returns' then {{ relation }}.order_revenue - {{ relation }}.refund_amount
    end
{%- endmacro %}

{% macro metric_component(component, basis, relation) -%}
    case {{ component }}
        when 'qualifying_spend' then {{ spend_by_basis(basis, relation) }}
        when 'orders' then {{ money(relation ~ ".orders") }}
        when 'gross_revenue' then {{ relation }}.gross_revenue
        when 'order_revenue' then {{ relation }}.order_revenue
        when 'net_revenue' then {{ relation }}.order_revenue - {{ relation }}.refund_amount
        when 'refund_amount' then {{ relation }}.refund_amount
        when 'discount_amount' then {{ relation }}.gross_revenue - {{ relation }}.order_revenue
    end
{%- endmacro %}

{% macro qualification_window_from(period, until) -%}
    case {{ period }}
        when 'rolling_12_months' then {{ date_plus(until, -12, "month") }}
        when 'calendar_year' then {{ period_start(date_plus(until, -1, "day"), "year") }}
    end
{%- endmacro %}

{% macro leaves_window_on(period, date_column) -%}
    {#- 1 January closes the year: what was bought on 31 December counts on that night. -#}
    case {{ period }}
        when 'rolling_12_months' then {{ leaves_rolling_months_on(date_column, 12) }}
        when 'calendar_year'
            then {{ date_plus(
                date_plus(period_start(date_column, "year"), 12, "month"), 1, "day"
            ) }}
    end
{%- endmacro %}

{% macro leaves_metric_window_on(unit, length, period, date_column) -%}
    case {{ unit }}
        when 'period' then {{ leaves_window_on(period, date_column) }}
        when 'month' then {{ leaves_rolling_months_on(date_column, length) }}
        when 'day' then {{ date_plus(date_column, length ~ " + 1", "day") }}
    end
{%- endmacro %}

{% macro demotion_due_on(grace_from, not_before) -%}
    {#- The first cadence date on or after the end of the grace period; columns of the policy in scope. -#}
    {{ cadence_on_or_after(
        "greatest(" ~ date_plus(grace_from, "grace_months", "month") ~ ", " ~ not_before ~ ")",
        "demotion_cadence",
        "effective_from",
    ) }}
{%- endmacro %}

{% macro lasts_until(date_column) -%}
    coalesce({{ date_column }}, cast('9999-12-31' as date))
{%- endmacro %}

{% macro customer_metric(metric, relation) -%}
    case {{ metric }}
        {%- for name in [
            "qualifying_spend", "orders_12m", "orders_6m", "orders_3m", "orders_90d",
            "orders_lifetime", "gross_revenue_12m", "net_revenue_12m", "net_revenue_6m",
            "net_revenue_3m", "net_revenue_lifetime", "discount_amount_12m", "refund_amount_12m",
            "average_order_value_12m", "average_order_value_6m", "average_order_value_3m",
            "cm1_12m", "cm1_lifetime", "cm2_12m", "cm2_lifetime", "cm3_12m", "cm3_lifetime",
            "cost_to_serve_12m",
        ] %}
        when '{{ name }}' then {{ money(relation ~ "." ~ name) }}
        {%- endfor %}
        {%- for name in ["return_rate_12m", "discount_share_12m"] %}
        when '{{ name }}' then {{ money_of_double(relation ~ "." ~ name) }}
        {%- endfor %}
    end
{%- endmacro %}

{% macro value_to_rank(kind, value) -%}
    {#- What customer_value does not know of somebody comes last, behind what is below zero. -#}
    case when {{ kind }} = 'evaluated' then {{ value }} else coalesce({{ value }}, 0) end
{%- endmacro %}
