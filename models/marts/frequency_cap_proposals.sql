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

numbered as (

    select
        *,
        min(
            case when verdict in ('people_leave', 'hardly_clicked') then message_number end
        ) over (partition by message_class, window_hours, tier_rank) as lowest_too_many
    from saturation

),

judged as (

    select
        message_class,
        window_hours,
        tier_rank,
        lowest_too_many,
        sum(texts) as texts,
        max(
            case when verdict in ('not_known', 'clicks_not_known') then 1 else 0 end
        ) = 1 as is_not_known,
        max(
            case
                when verdict in ('worth_it', 'people_leave', 'hardly_clicked') then message_number
            end
        ) as highest_judged,
        max(case when message_number = lowest_too_many then verdict end) as reason,
        max(
            case
                when verdict = 'worth_it' and message_number < lowest_too_many then message_number
            end
        ) as worth_it_up_to
    from numbered
    group by message_class, window_hours, tier_rank, lowest_too_many

),

-- A cap stays as it is written: here stands only what the texts of the last year say of it.
frequency_cap_proposals as (

    select
        {{ as_of_date() }} as as_of_date,
        caps.message_class,
        caps.window_hours,
        case when caps.tier_rank = 0 then 'none' else coalesce(tiers.tier, 'former') end as tier,
        caps.tier_rank,
        caps.max_messages,
        cast(coalesce(own.texts, 0) as bigint) as texts,
        own.highest_judged,
        own.lowest_too_many,
        own.worth_it_up_to as proposed_max_messages,
        own.reason,
        case
            when own.texts is null then 'no_texts'
            when own.lowest_too_many = 1 then 'first_is_too_many'
            when own.lowest_too_many is not null and own.worth_it_up_to is null then 'unknown_below'
            when own.lowest_too_many <= caps.max_messages then 'lower'
            when own.worth_it_up_to > caps.max_messages then 'higher'
            when own.lowest_too_many is not null then 'fits'
            when own.is_not_known then 'not_known'
            when own.highest_judged > 1 then 'no_limit_seen'
            else 'too_few_texts'
        end as verdict,
        case when whole.lowest_too_many = 1 then 0 else whole.worth_it_up_to end
            as all_tiers_max_messages
    from caps
    left join tiers on caps.tier_rank = tiers.tier_rank
    left join judged as own
        on
            caps.message_class = own.message_class
            and caps.window_hours = own.window_hours
            and caps.tier_rank = own.tier_rank
    left join judged as whole
        on
            caps.message_class = whole.message_class
            and caps.window_hours = whole.window_hours
            and whole.tier_rank is null

)

select * from frequency_cap_proposals
