with

pressure as (

    select * from {{ ref("int_text_pressure") }}

),

outcomes as (

    select * from {{ ref("int_text_outcomes") }}

),

caps as (

    select * from {{ ref("frequency_caps") }}

),

capped as (

    select distinct
        message_class,
        window_hours
    from caps

),

scoped as (

    select
        message_class,
        tier_rank,
        contact_id,
        clicks,
        opt_outs,
        complaints
    from outcomes

    union all

    select
        'all' as message_class,
        tier_rank,
        contact_id,
        clicks,
        opt_outs,
        complaints
    from outcomes

),

by_tier as (

    select
        message_class,
        tier_rank,
        contact_id,
        count(*) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from scoped
    group by message_class, tier_rank, contact_id

),

-- All tiers together have the rank -1 in here.
by_contact as (

    select * from by_tier

    union all

    select
        message_class,
        -1 as tier_rank,
        contact_id,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from by_tier
    group by message_class, contact_id

),

-- Only texts that were not the first in a window are numbered: all others were the first.
later_by_tier as (

    select
        pressure.message_class,
        pressure.window_hours,
        outcomes.tier_rank,
        outcomes.contact_id,
        pressure.message_number,
        count(*) as texts,
        sum(outcomes.clicks) as clicks,
        sum(outcomes.opt_outs) as opt_outs,
        sum(outcomes.complaints) as complaints
    from pressure
    inner join outcomes on pressure.message_id = outcomes.message_id
    group by
        pressure.message_class,
        pressure.window_hours,
        outcomes.tier_rank,
        outcomes.contact_id,
        pressure.message_number

),

later as (

    select * from later_by_tier

    union all

    select
        message_class,
        window_hours,
        -1 as tier_rank,
        contact_id,
        message_number,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from later_by_tier
    group by message_class, window_hours, contact_id, message_number

),

later_of_contact as (

    select
        message_class,
        window_hours,
        tier_rank,
        contact_id,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from later
    group by message_class, window_hours, tier_rank, contact_id

),

firsts as (

    select
        later_of_contact.message_class,
        later_of_contact.window_hours,
        later_of_contact.tier_rank,
        later_of_contact.contact_id,
        by_contact.texts - later_of_contact.texts as texts,
        by_contact.clicks - later_of_contact.clicks as clicks
    from later_of_contact
    inner join by_contact
        on
            later_of_contact.message_class = by_contact.message_class
            and later_of_contact.tier_rank = by_contact.tier_rank
            and later_of_contact.contact_id = by_contact.contact_id

),

everybody as (

    select
        message_class,
        tier_rank,
        count(*) as contacts,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from by_contact
    group by message_class, tier_rank

),

never_first as (

    select
        message_class,
        window_hours,
        tier_rank,
        count(*) as contacts
    from firsts
    where texts = 0
    group by message_class, window_hours, tier_rank

),

all_later as (

    select
        message_class,
        window_hours,
        tier_rank,
        sum(texts) as texts,
        sum(clicks) as clicks,
        sum(opt_outs) as opt_outs,
        sum(complaints) as complaints
    from later_of_contact
    group by message_class, window_hours, tier_rank

),

first_counts as (

    select
        capped.message_class,
        capped.window_hours,
        everybody.tier_rank,
        1 as message_number,
        everybody.contacts - coalesce(never_first.contacts, 0) as contacts,
        everybody.texts - coalesce(all_later.texts, 0) as texts,
        everybody.clicks - coalesce(all_later.clicks, 0) as clicks,
        everybody.opt_outs - coalesce(all_later.opt_outs, 0) as opt_outs,
        everybody.complaints - coalesce(all_later.complaints, 0) as complaints
    from everybody
    inner join capped on everybody.message_class = capped.message_class
    left join all_later
        on
            capped.message_class = all_later.message_class
            and capped.window_hours = all_later.window_hours
            and everybody.tier_rank = all_later.tier_rank
    left join never_first
        on
            capped.message_class = never_first.message_class
            and capped.window_hours = never_first.window_hours
            and everybody.tier_rank = never_first.tier_rank

),

-- Who gets many texts is not who gets few: each number is held against the first texts of the same
-- contact, contact by contact.
paired as (

    select
        later.*,
        cast(firsts.texts as double) as first_texts,
        cast(firsts.clicks as double) as first_clicks,
        cast(later.texts + firsts.texts as double) as both_texts
    from later
    left join firsts
        on
            later.message_class = firsts.message_class
            and later.window_hours = firsts.window_hours
            and later.tier_rank = firsts.tier_rank
            and later.contact_id = firsts.contact_id
            and firsts.texts > 0

),

later_counts as (

    select
        message_class,
        window_hours,
        tier_rank,
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

),

counts as (

    select * from later_counts

    union all

    select
        first_counts.*,
        cast(null as bigint) as first_texts,
        cast(null as double) as pairs,
        cast(null as double) as pairs_squared,
        cast(null as double) as paired_clicks,
        cast(null as double) as paired_clicks_variance,
        cast(null as double) as paired_first_clicks,
        cast(null as double) as paired_first_clicks_variance
    from first_counts
    where texts > 0

),

int_saturation_bands as (

    select
        message_class,
        window_hours,
        nullif(tier_rank, -1) as tier_rank,
        message_number,
        contacts,
        texts,
        clicks,
        opt_outs,
        complaints,
        first_texts,
        pairs,
        pairs_squared,
        paired_clicks,
        paired_clicks_variance,
        paired_first_clicks,
        paired_first_clicks_variance
    from counts

)

select * from int_saturation_bands
