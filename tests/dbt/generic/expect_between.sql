{% test expect_between(model, column_name, minimum=none, maximum=none) %}

select {{ column_name }}
from {{ model }}
where
    {% if minimum is not none %}{{ column_name }} < {{ minimum }}{% else %}false{% endif %}
    or {% if maximum is not none %}{{ column_name }} > {{ maximum }}{% else %}false{% endif %}

{% endtest %}
