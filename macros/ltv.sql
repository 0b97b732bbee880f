{% macro nearest_week(days) -%}
    cast(floor((2 * {{ days }} + 7) / 14) as int)
{%- endmacro %}

{% macro probability_alive(repeat_orders, days_to_last_order, age_days, fit) -%}
    {#- In logarithms: hundreds of orders would leave the range of a double. -#}
    1 / (
        1 + {{ fit }}.a / ({{ fit }}.b + {{ repeat_orders }}) * exp(
            least(
                ({{ fit }}.r + {{ repeat_orders }}) * ln(
                    ({{ fit }}.alpha + {{ age_days }} / 7.0e0)
                    / ({{ fit }}.alpha + {{ days_to_last_order }} / 7.0e0)
                ),
                700
            )
        )
    )
{%- endmacro %}

{% macro expected_margin(repeat_orders, repeat_margin, fit) -%}
    {{ fit }}.p * ({{ fit }}.gamma + cast({{ repeat_margin }} as double))
    / ({{ fit }}.p * {{ repeat_orders }} + {{ fit }}.q - 1)
{%- endmacro %}

{% macro discounted_months(months) -%}
    coalesce(
        (1 - power(1 + {{ parameter("ltv_discount_rate") }}, -{{ months }} / 12.0e0))
        / nullif(power(1 + {{ parameter("ltv_discount_rate") }}, 1 / 12.0e0) - 1, 0),
        {{ months }}
    )
{%- endmacro %}

{% macro half_width(orders, order_spread) -%}
    {#- Orders and margin are estimated apart: their uncertainties add up as squares. -#}
    sqrt(
        power({{ orders }} * {{ order_spread }} * margin_per_order, 2)
        + power({{ orders }}, 2) * abs(margin_variance)
    )
{%- endmacro %}
