{%- set metrics = [
    "orders", "relative_spend", "trend_lines", "trend_line_share", "discounted_share",
    "category_count", "top_category_share", "top_category_lift",
    "brand_count", "top_brand_share", "top_brand_lift", "price_index",
] %}
{%- set conditions = [] %}
{%- for name in metrics %}
{%- do conditions.append(within("evidence." ~ name, "least_" ~ name, "most_" ~ name)) %}
{%- endfor %}
with

evidence as (

    select * from {{ ref("int_segment_evidence") }}

),

rules as (

    select * from {{ ref("behaviour_rules") }}

),

-- The rules of a behaviour side by side; null where it does not ask for a metric.
behaviours as (

    select
        behaviour_segment,
        {%- for metric in metrics %}
        max(case when metric = '{{ metric }}' and rule = 'at_least' then threshold end)
            as least_{{ metric }},
        min(case when metric = '{{ metric }}' and rule = 'at_most' then threshold end)
            as most_{{ metric }},
        {%- endfor %}
        min(priority) as priority
    from rules
    group by behaviour_segment

),

-- A metric that is not known meets no rule.
shown as (

    select
        evidence.customer_id,
        behaviours.behaviour_segment,
        behaviours.priority
    from evidence
    cross join behaviours
    where {{ conditions | join(" and ") }}

),

firsts as (

    select
        customer_id,
        min(priority) as priority,
        count(*) as behaviour_count,
        {{ text_list("behaviour_segment") }} as behaviours_shown
    from shown
    group by customer_id

),

int_segment_behaviours as (

    select
        firsts.customer_id,
        behaviours.behaviour_segment,
        firsts.behaviour_count,
        firsts.behaviours_shown
    from firsts
    inner join behaviours on firsts.priority = behaviours.priority

)

select * from int_segment_behaviours
