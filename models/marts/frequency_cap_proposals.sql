with

caps as (

    select * from {{ ref("frequency_caps") }}

),

saturation as (

    select * from {{ ref("message_saturation") }}

),

tiers as (

    select * from {{ ref("int_tiers_in_force") }}

),

judged as (

    select
        message_class,
        window_hours,
        tier_rank,
        sum(texts) as texts,
        max(case when verdict = 'not_known' then 1 else 0 end) = 1 as is_not_known,
        max(
            case when verdict not in ('too_few_texts', 'not_known') then message_number end
        ) as highest_judged,
        min(
            case when verdict in ('people_leave', 'hardly_clicked') then message_number end
        ) as too_many_from
    from saturation
    group by message_class, window_hours, tier_rank

),

reasons as (

    select
        judged.*,
        saturation.verdict as reason
    from judged
    left join saturation
        on
            judged.message_class = saturation.message_class
            and judged.window_hours = saturation.window_hours
            and coalesce(judged.tier_rank, -1) = coalesce(saturation.tier_rank, -1)
            and judged.too_many_from = saturation.message_number

),

-- A cap stays as it is written: here stands only what the texts of the last year say of it.
frequency_cap_proposals as (

    select
        {{ as_of_date() }} as as_of_date,
        caps.message_class,
        caps.window_hours,
        coalesce(tiers.tier, 'none') as tier,
        caps.tier_rank,
        caps.max_messages,
        cast(coalesce(own.texts, 0) as bigint) as texts,
        own.highest_judged,
        case when own.too_many_from > 1 then own.too_many_from - 1 end as proposed_max_messages,
        own.reason,
        case
            when own.texts is null then 'no_texts'
            when own.is_not_known then 'not_known'
            when own.too_many_from = 1 then 'first_is_too_many'
            when own.too_many_from - 1 < caps.max_messages then 'lower'
            when own.too_many_from - 1 = caps.max_messages then 'fits'
            when own.too_many_from is not null then 'higher'
            when own.highest_judged > 1 then 'no_limit_seen'
            else 'too_few_texts'
        end as verdict,
        case when whole.too_many_from > 1 then whole.too_many_from - 1 end
            as all_tiers_max_messages
    from caps
    left join tiers on caps.tier_rank = tiers.tier_rank
    left join reasons as own
        on
            caps.message_class = own.message_class
            and caps.window_hours = own.window_hours
            and caps.tier_rank = own.tier_rank
    left join reasons as whole
        on
            caps.message_class = whole.message_class
            and caps.window_hours = whole.window_hours
            and whole.tier_rank is null

)

select * from frequency_cap_proposals
