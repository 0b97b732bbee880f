with

pressure as (

    select * from {{ ref("int_text_pressure") }}

),

outcomes as (

    select * from {{ ref("int_text_outcomes") }}

),

-- All tiers together have the rank -1 in here.
ranked as (

    select
        outcomes.message_id,
        outcomes.tier_rank
    from outcomes

    union all

    select
        outcomes.message_id,
        -1 as tier_rank
    from outcomes

),

by_contact as (

    select
        pressure.message_class,
        pressure.window_hours,
        ranked.tier_rank,
        pressure.message_number,
        outcomes.contact_id,
        count(*) as texts,
        sum(outcomes.clicks) as clicks,
        sum(outcomes.opt_outs) as opt_outs,
        sum(outcomes.complaints) as complaints
    from pressure
    inner join outcomes on pressure.message_id = outcomes.message_id
    inner join ranked on pressure.message_id = ranked.message_id
    group by
        pressure.message_class,
        pressure.window_hours,
        ranked.tier_rank,
        pressure.message_number,
        outcomes.contact_id

),

-- Who gets many texts is not who gets few: each number is held against the first texts of the same
-- contact, contact by contact.
paired as (

    select
        by_contact.*,
        cast(firsts.texts as double) as first_texts,
        cast(firsts.clicks as double) as first_clicks,
        cast(by_contact.texts + firsts.texts as double) as both_texts
    from by_contact
    left join by_contact as firsts
        on
            by_contact.contact_id = firsts.contact_id
            and by_contact.message_class = firsts.message_class
            and by_contact.window_hours = firsts.window_hours
            and by_contact.tier_rank = firsts.tier_rank
            and by_contact.message_number > 1
            and firsts.message_number = 1

),

int_saturation_bands as (

    select
        message_class,
        window_hours,
        nullif(tier_rank, -1) as tier_rank,
        message_number,
        count(*) as contacts,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints,
        cast(sum(first_texts) as bigint) as first_texts,
        sum(texts * first_texts / both_texts) as pairs,
        sum(texts * first_texts * first_texts / (both_texts * both_texts)) as pairs_squared,
        sum(clicks * first_texts / both_texts) as paired_clicks,
        sum(clicks * first_texts * first_texts / (both_texts * both_texts))
            as paired_clicks_variance,
        sum(first_clicks * texts / both_texts) as paired_first_clicks,
        sum(first_clicks * texts * texts / (both_texts * both_texts))
            as paired_first_clicks_variance
    from paired
    group by message_class, window_hours, tier_rank, message_number

)

select * from int_saturation_bands
