-- noqa: disable=layout.indent
-- Each rate has its bounds the same way; the loop is indented as what it writes.
with

bands as (

    select * from {{ ref("int_saturation_bands") }}

),

tiers as (

    select * from {{ ref("int_tiers_in_force") }}

),

rules as (

    select
        cast({{ parameter("saturation_z") }} as double) as z,
        cast({{ parameter("saturation_texts_least") }} as bigint) as texts_least,
        cast({{ parameter("saturation_click_share_least") }} as double) as click_share_least,
        cast({{ parameter("saturation_opt_out_rate_most") }} as double) as opt_out_rate_most

),

rated as (

    select
        bands.*,
        {%- for name in ["click", "opt_out", "complaint"] %}
        {{ ratio("bands." ~ name ~ "s", "bands.texts") }} as {{ name }}_rate,
        {%- for side in ["low", "high"] %}
        {{ wilson_bound("bands." ~ name ~ "s", "bands.texts", "rules.z", side) }}
            as {{ name }}_rate_{{ side }},
        {%- endfor %}
        {%- endfor %}
        -- The risk ratio of Mantel and Haenszel, each contact a stratum: who gets more texts of
        -- this number weighs more on both sides.
        {{ ratio("bands.paired_first_clicks", "bands.pairs") }} as first_click_rate,
        {{ ratio("bands.paired_clicks", "bands.paired_first_clicks") }} as click_share_kept,
        -- Never less than a click weighs on average: a single one by who weighs little would make
        -- the interval narrower than none does.
        greatest(
            coalesce({{ ratio("bands.paired_clicks_variance", "bands.paired_clicks") }}, 0),
            {{ ratio("bands.pairs_squared", "bands.pairs") }}
        ) as click_weight,
        greatest(
            coalesce(
                {{ ratio("bands.paired_first_clicks_variance", "bands.paired_first_clicks") }}, 0
            ),
            {{ ratio("bands.pairs - bands.pairs_squared", "bands.pairs") }}
        ) as first_click_weight,
        rules.z,
        rules.texts_least,
        rules.click_share_least,
        rules.opt_out_rate_most
    from bands
    cross join rules

),

bounded as (

    select
        *,
        {%- for side in ["low", "high"] %}
        {{ count_bound("paired_clicks", "click_weight", "z", side) }} as paired_clicks_{{ side }},
        {{ count_bound("paired_first_clicks", "first_click_weight", "z", side) }}
            as paired_first_clicks_{{ side }}{{ "," if not loop.last }}
        {%- endfor %}
    from rated

),

kept as (

    select
        *,
        {{ ratio_bound(
            "paired_clicks", "paired_clicks_low",
            "paired_first_clicks", "paired_first_clicks_high", "low",
        ) }} as click_share_kept_low,
        {{ ratio_bound(
            "paired_clicks", "paired_clicks_high",
            "paired_first_clicks", "paired_first_clicks_low", "high",
        ) }} as click_share_kept_high
    from bounded

),

message_saturation as (

    select
        {{ as_of_date() }} as as_of_date,
        kept.message_class,
        kept.window_hours,
        -- A rank of an earlier policy may have no name in the one in force.
        case
            when kept.tier_rank is null then 'all'
            when kept.tier_rank = 0 then 'none'
            else coalesce(tiers.tier, 'former')
        end as tier,
        kept.tier_rank,
        kept.message_number,
        cast(kept.texts as bigint) as texts,
        cast(kept.contacts as bigint) as contacts,
        {%- for name in ["click", "opt_out", "complaint"] %}
        cast(kept.{{ name }}s as bigint) as {{ name }}s,
        kept.{{ name }}_rate,
        kept.{{ name }}_rate_low,
        kept.{{ name }}_rate_high,
        {%- endfor %}
        kept.first_texts,
        kept.first_click_rate,
        kept.click_share_kept,
        kept.click_share_kept_low,
        kept.click_share_kept_high,
        case
            when kept.texts < kept.texts_least then 'too_few_texts'
            when kept.clicks is null and kept.opt_outs is null then 'not_known'
            when kept.opt_out_rate_low > kept.opt_out_rate_most then 'people_leave'
            when kept.message_number > 1 and kept.clicks is null then 'clicks_not_known'
            when kept.click_share_kept_high < kept.click_share_least then 'hardly_clicked'
            else 'worth_it'
        end as verdict
    from kept
    left join tiers on kept.tier_rank = tiers.tier_rank

)

select * from message_saturation
