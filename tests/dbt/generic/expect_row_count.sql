{% test expect_row_count(model, equals) %}

select count(*) as observed
from {{ model }}
having count(*) <> {{ equals }}

{% endtest %}
