{% test expect_unique_key(model, columns) %}

select
    {{ columns | join(", ") }},
    count(*) as observed_rows
from {{ model }}
group by {{ columns | join(", ") }}
having count(*) > 1

{% endtest %}
