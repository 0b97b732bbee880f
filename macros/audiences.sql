{% macro audience_conditions() -%}
    {#- Every condition model, once: dbt learns what reads what from names, not from rows of a seed. -#}
    {{ return([
        "int_audience_vip",
        "int_audience_welcome",
        "int_audience_tier_upgrade",
        "int_audience_halfway",
        "int_audience_near_threshold",
        "int_audience_demotion_warning",
        "int_audience_demoted_return",
        "int_audience_replenishment",
        "int_audience_back_in_stock",
        "int_audience_win_back",
        "int_audience_renewal_rescue",
        "int_audience_renewal_window",
        "int_audience_service_recovery",
        "int_audience_fixed_it",
        "int_audience_delay_notice",
        "int_audience_early_access",
        "int_audience_private_sale",
        "int_audience_event_invitation",
        "int_audience_milestone_purchase",
        "int_audience_cart",
        "int_audience_birthday",
        "int_audience_anniversary",
        "int_audience_benefit_reminder",
        "int_audience_new_arrival",
        "int_audience_price_drop",
        "int_audience_referral_ask",
        "int_audience_care",
    ]) }}
{%- endmacro %}

{% macro merge_field_types() -%}
    {{ return({
        "product_id": dbt.type_string(),
        "product_name": dbt.type_string(),
        "category": dbt.type_string(),
        "brand": dbt.type_string(),
        "campaign_id": dbt.type_string(),
        "campaign_name": dbt.type_string(),
        "order_id": dbt.type_string(),
        "amount": "decimal(18, 4)",
        "quantity": dbt.type_int(),
        "due_on": "date",
        "benefit": dbt.type_string(),
    }) }}
{%- endmacro %}

{% macro merge_fields(relation=none) -%}
    {#- All of them in one order: those named come from an expression, those of a relation by name. -#}
    {%- for name, type in merge_field_types().items() %}
    {%- set value = relation ~ "." ~ name if relation else kwargs.get(name, "null") -%}
    cast({{ value }} as {{ type }}) as {{ name }}
    {%- if not loop.last %},
        {% endif %}
    {%- endfor %}
{%- endmacro %}

{% macro union_of_conditions() -%}
    {%- for condition in audience_conditions() %}
    select
        '{{ condition }}' as condition_model,
        customer_id,
        subject_id,
        occurred_at,
        expires_at,
        {{ merge_field_types() | join(", ") }}
    from {{ ref(condition) }}
    {%- if not loop.last %}

    union all
{% endif %}
    {%- endfor %}
{%- endmacro %}

{% macro tier_news(change_reason) -%}
    {#- What came with the last change of tier, of the CTEs `changes` and `promises`. -#}
    select
        changes.customer_id,
        changes.tier as subject_id,
        {{ moment_of("changes.valid_from") }} as occurred_at,
        {{ days_after("changes.valid_from", "tier_news_days") }} as expires_at,
        {{ merge_fields(benefit="promises.benefits") }}
    from changes
    left join promises on changes.tier = promises.tier
    where changes.change_reason = '{{ change_reason }}' and changes.valid_to is null
{%- endmacro %}

{% macro segment_fields() -%}
    {#- Of a customer's many traits, those that a text or a flow branches on, and no more. -#}
    {{ return([
        "segments.favourite_category",
        "segments.favourite_brand",
        "segments.behaviour_segment",
        "segments.lifecycle_stage",
        "segments.discount_sensitivity",
        "segments.preferred_hour",
        "segments.preferred_weekday",
        "segments.preferred_time_zone",
    ]) }}
{%- endmacro %}
