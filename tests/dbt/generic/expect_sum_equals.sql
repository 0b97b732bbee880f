{% test expect_sum_equals(model, left, right) %}

select
    observed,
    expected
from (
    select
        coalesce(sum({{ left }}), 0) as observed,
        coalesce(sum({{ right }}), 0) as expected
    from {{ model }}
) as totals
where observed <> expected

{% endtest %}
