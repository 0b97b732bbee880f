{% macro times_quantity(unit_amount, quantity) -%}
    {#- Rounding a product of eight decimals costs a microsecond a row: whole quantities need none. -#}
    case
        when {{ quantity }} = cast({{ quantity }} as bigint)
            then {{ money(unit_amount ~ " * cast(" ~ quantity ~ " as bigint)") }}
        else {{ money(unit_amount ~ " * " ~ quantity) }}
    end
{%- endmacro %}

{% macro sum_of_known(amounts) -%}
    case
        when coalesce({{ amounts | join(", ") }}) is not null
            then {% for amount in amounts %}coalesce({{ amount }}, 0){{ " + " if not loop.last }}{% endfor %}
    end
{%- endmacro %}

{% macro in_reporting_currency(amount, fx_rate="fx_rate") -%}
    case
        when {{ fx_rate }} = 1 then {{ money(amount) }}
        else {{ money(amount ~ " * " ~ fx_rate) }}
    end
{%- endmacro %}
