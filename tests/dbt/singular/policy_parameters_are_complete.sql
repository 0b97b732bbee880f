-- Failure means a business number that a model looks up and the policy does not have: without it the
-- model's amounts would quietly be null.
{%- set names = [] %}
{%- for node in graph.nodes.values() if execute and node.resource_type == "model" %}
    {%- for name in modules.re.findall('parameter\("(\w+)"\)', node.raw_code) if name not in names %}
        {%- do names.append(name) %}
    {%- endfor %}
{%- endfor %}
with

used as (

    {%- for name in names | sort %}
    select '{{ name }}' as parameter
    {{- " union all" if not loop.last }}
    {%- else %}
    select cast(null as {{ dbt.type_string() }}) as parameter
    {%- endfor %}

)

select
    used.parameter,
    case
        when parameters.parameter is null then 'is not in the policy'
        else 'has no value'
    end as fault
from used
left join {{ ref("policy_parameters") }} as parameters on used.parameter = parameters.parameter
where used.parameter is not null and parameters.value is null
