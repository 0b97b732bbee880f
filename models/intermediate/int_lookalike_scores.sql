{%- set features = [
    "orders", "value", "discount", "category", "premium", "return", "engagement", "channel",
] %}
with

groups as (

    select * from {{ ref("int_lookalike_groups") }}

),

coefficients as (

    select * from {{ ref("stg_lookalike_coefficients") }}

),

profile_levels as (

    {%- for feature in features %}
    select distinct
        profile,
        '{{ feature }}' as feature,
        {{ feature }}_level as feature_level
    from groups
    {{ "union all\n" if not loop.last }}
    {%- endfor %}

),

intercepts as (

    select coefficient
    from coefficients
    where feature = 'intercept'

),

-- A level that the fit never saw says nothing either way.
sums as (

    select
        profile_levels.profile,
        sum(coalesce(coefficients.coefficient, 0)) as logit
    from profile_levels
    left join coefficients
        on
            profile_levels.feature = coefficients.feature
            and profile_levels.feature_level = coefficients.feature_level
    group by profile_levels.profile

),

int_lookalike_scores as (

    select
        sums.profile,
        round(1 / (1 + exp(-(intercepts.coefficient + sums.logit))), 6) as lookalike_score
    from sums
    cross join intercepts

)

select * from int_lookalike_scores
