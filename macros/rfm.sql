{% macro rfm_score(order_days, measure, cuts, is_less_better=false) -%}
    case
        when {{ order_days }} > 0
            then 1
            {%- for share in [20, 40, 60, 80] %}
            + case
                when {{ cuts }}_p{{ share }} {{ ">=" if is_less_better else "<" }} {{ measure }} then 1
                else 0
            end
            {%- endfor %}
        else 1
    end
{%- endmacro %}
