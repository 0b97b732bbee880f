with

assignments as (

    select * from {{ ref("holdout_assignments") }}

),

holdouts as (

    select * from {{ ref("holdouts") }}

),

tier_spans as (

    select * from {{ ref("tier_history") }}

),

margin_days as (

    select * from {{ ref("int_customer_margin_days") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

drawn as (

    select
        assignments.experiment_id,
        assignments.contact_id,
        assignments.customer_id,
        assignments.arm,
        assignments.assigned_on,
        holdouts.share
    from assignments
    inner join holdouts
        on
            assignments.experiment_id = holdouts.experiment_id
            and assignments.assigned_on >= holdouts.effective_from
            and (holdouts.effective_to is null or assignments.assigned_on < holdouts.effective_to)

),

-- As everybody stood on the day of the draw: what came later, the programme may have done.
margins as (

    select
        drawn.experiment_id,
        drawn.contact_id,
        sum(margin_days.margin) as margin
    from drawn
    inner join margin_days
        on
            drawn.customer_id = margin_days.customer_id
            and drawn.assigned_on > margin_days.booked_on
            and margin_days.ordered_on >= {{ date_plus("drawn.assigned_on", "-12", "month") }}
    group by drawn.experiment_id, drawn.contact_id

),

ranked as (

    select
        experiment_id,
        contact_id,
        percent_rank() over (partition by experiment_id order by margin) as share_below
    from margins

),

described as (

    select
        drawn.experiment_id,
        drawn.contact_id,
        drawn.arm,
        drawn.share,
        coalesce(tier_spans.tier, 'none') as tier,
        case
            when ranked.share_below is null then 'none'
            when 3 * ranked.share_below < 1 then 'low'
            when 3 * ranked.share_below < 2 then 'middle'
            else 'high'
        end as margin_band,
        coalesce(contacts.country_code, 'unknown') as country,
        case
            when contacts.region_code is null then 'unknown'
            when contacts.region_code like '__-%' then contacts.region_code
            else coalesce(contacts.country_code, 'unknown') || '-' || contacts.region_code
        end as region
    from drawn
    left join ranked
        on
            drawn.experiment_id = ranked.experiment_id
            and drawn.contact_id = ranked.contact_id
    left join tier_spans
        on
            drawn.customer_id = tier_spans.customer_id
            and drawn.assigned_on >= tier_spans.valid_from
            and (tier_spans.valid_to is null or drawn.assigned_on < tier_spans.valid_to)
    left join contacts on drawn.customer_id = contacts.customer_id

),

int_holdout_strata as (

    {%- for kind in ["tier", "margin_band", "country", "region"] %}

    select
        experiment_id,
        contact_id,
        arm,
        share,
        '{{ kind }}' as stratum_kind,
        {{ kind }} as stratum
    from described
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

)

select * from int_holdout_strata
