-- One row per buyer: who they are, how they buy, what they said about texts. Numbers above
-- `customers` are guests. Customers are numbered in the order in which they joined.

create table person as
with

numbered as (

    select
        n,
        n > getvariable('customers') as is_guest,
        (n - 1) // 4 as block,
        (n - 1) % 4 as seat,
        -- Multiples of the golden ratio: exact shares of each archetype in any stretch of numbers.
        (n * 2654435769 + (dice('archetype', 0) >> 32)::bigint) % 4294967296
        * getvariable('slots') // 4294967296 as slot
    from range(1, getvariable('customers') + getvariable('guests') + 1) as numbers(n)

),

born as (

    select
        numbered.*,
        case
            when numbered.is_guest then getvariable('guest')
            when numbered.n in (17, 18) and getvariable('customers') >= 100
                then getvariable('on_the_line')
            else archetype_slot.archetype
        end as archetype
    from numbered
    inner join archetype_slot using (slot)

),

-- Two or three people behind one number, all buying like the first of them.
households as (

    select
        born.block,
        born.n as head,
        born.archetype,
        case when roll(dice('household', born.n), 1) < 0.7 then 2 else 3 end as people
    from born
    inner join archetype using (archetype)
    where
        born.seat = 0
        and not born.is_guest
        and born.n not between 13 and 20
        and roll(dice('household', born.n), 0) < case
            when archetype.is_core then getvariable('household_share_of_core')
            else getvariable('household_share')
        end

),

-- One number on more accounts than a household has.
wide as (

    select
        (2 * g + 1) * (getvariable('customers') // 16) // (2 * getvariable('wide_groups')) * 16 + 1
            as head
    from range(getvariable('wide_groups')) as groups(g)

),

placed as (

    select
        born.n,
        born.is_guest,
        coalesce(wide.head, households.head, born.n) as phone_owner,
        wide.head is not null as is_wide,
        wide.head is null and households.head is not null as is_household,
        case
            when wide.head is null then coalesce(households.archetype, born.archetype)
            else born.archetype
        end as archetype
    from born
    left join wide
        on (born.n - 1) // 16 * 16 + 1 = wide.head
        and (born.n - 1) % 16 < getvariable('wide_size')
        and not born.is_guest
    left join households
        on born.block = households.block
        and born.seat < households.people
        and not born.is_guest

)

select
    placed.n,
    placed.is_guest,
    placed.phone_owner,
    placed.is_wide,
    placed.is_household,
    archetype.*,
    region.*,
    dice('who', placed.n) as who,
    dice('profile', placed.n) as profile,
    dice('life', placed.n) as life,
    dice('pace', placed.n) as pace,
    -- Test accounts keep a number of their own.
    placed.phone_owner = placed.n and not placed.is_household and not placed.is_wide
        and not placed.is_guest and roll(dice('who', placed.n), 3) < getvariable('test_accounts')
        as is_test
from placed
inner join archetype using (archetype)
-- Who shares a phone lives in one place.
inner join region_slot on slot_of(roll(dice('who', placed.phone_owner), 0)) = region_slot.slot
inner join region using (region_number);

-- Phones. Numbers of the United States and Canada lie in exchange 555, first in the range kept for
-- fiction; the others in one block of mobile numbers. Each person below the till and the household
-- has a number of their own. Eight in a hundred moved and kept the number of another region;
-- where a number tells that it is a landline's, some gave theirs.
create table phone as
with

owners as (

    select
        n,
        dice('phone', n) as throw,
        region_number,
        not is_wide and roll(dice('landline', n), 0) < case
            when is_core then getvariable('landlines_of_core')
            else getvariable('landlines')
        end as is_landline_given
    from person
    where
        n = phone_owner
        and not is_guest
        and (
            is_wide or is_household
            or roll(dice('phone', n), 0) >= getvariable('no_phone') + getvariable('bad_phone')
        )

),

moved as (

    select
        owners.n,
        owners.throw,
        case
            when
                region.country in ('US', 'CA')
                and elsewhere.country in ('US', 'CA')
                and roll(owners.throw, 1) < 0.08
                then elsewhere.prefixes
            else region.prefixes
        end as prefixes,
        region.country,
        owners.is_landline_given and landline_number(region.country, 0) is not null as is_landline
    from owners
    inner join region using (region_number)
    inner join region_slot on slot_of(roll(owners.throw, 2)) = region_slot.slot
    inner join region as elsewhere on region_slot.region_number = elsewhere.region_number

),

chosen as (

    select
        n,
        country,
        is_landline,
        pick(prefixes, roll(throw, 3)) as prefix
    from moved

),

seated as (

    select
        *,
        row_number() over (
            partition by is_landline, case when is_landline then country else prefix end
            order by n
        ) - 1 as seat
    from chosen

)

select
    n,
    is_landline,
    case
        when is_landline then landline_number(country, seat)
        else mobile_number(country, prefix, seat)
    end as e164
from seated;

-- When they joined and how they buy. Time runs on the shop's own clock, where every minute sees as
-- many orders as any other; `clock` turns it into days, busy ones longer than quiet ones.
create table who as
with

joined as (

    select
        *,
        case when is_guest then roll(life, 3) else (n - 0.5) / getvariable('customers') end
            as quantile
    from person

),

paced as (

    select
        *,
        quantile < getvariable('before_window') and not is_guest as is_old,
        case
            when is_guest then floor(quantile * getvariable('minutes'))
            else floor(
                power(
                    greatest(0, quantile - getvariable('before_window'))
                    / (1 - getvariable('before_window')),
                    getvariable('growth')
                ) * getvariable('minutes')
            )
        end::bigint as joined_minute,
        (525600 / greatest(orders_per_year, 0.01) / around_one(pace, spread))::bigint as gap
    from joined

),

dated as (

    select
        paced.*,
        case
            when paced.name = 'rising_star'
                then getvariable('this_month') - interval 8 month
            when paced.is_old
                then getvariable('start')
                    - to_days(((1 - paced.quantile / getvariable('before_window')) * 1095)::integer)
            else getvariable('start') + to_days(clock.day)
        end + to_seconds(
            (floor(roll(paced.life, 1) * 21600) - paced.utc_offset * 3600)::bigint
        ) as created_at,
        case
            when paced.is_old then (roll(paced.life, 2) * paced.gap)::bigint
            else paced.joined_minute
        end as first_minute,
        case
            when paced.name in ('prospect', 'rising_star', 'on_the_line') then 0
            when paced.name = 'lapsed_vip'
                then greatest(
                    getvariable('minutes') - (150 + 370 * roll(paced.life, 0)) * 1440,
                    paced.joined_minute + 1
                )
            when paced.life_days = 0 and paced.is_old then 0
            when paced.life_days = 0 then paced.joined_minute + 1
            else least(
                getvariable('minutes'),
                greatest(
                    paced.joined_minute - ln(roll(paced.life, 0)) * paced.life_days * 1440,
                    paced.joined_minute + 1
                )
            )
        end::bigint as last_minute
    from paced
    inner join clock on paced.joined_minute // 90 = clock.slot

),

-- What they said about texts.
spoken as (

    select
        dated.*,
        dice('consent', dated.n) as consent_throw,
        dice('suppression', dated.n) as suppression_throw,
        case when dated.is_wide then 'opted_in' else consent_slot.consent end as consent
    from dated
    inner join consent_slot on slot_of(roll(dice('consent', dated.n), 0)) = consent_slot.slot

),

consenting as (

    select
        *,
        case
            when roll(consent_throw, 1) < 0.6 then after(created_at, 60 + roll(profile, 3) * 600)
            else after(created_at, 60 + roll(consent_throw, 1) * 5184000)
        end as opt_in_at
    from spoken

),

-- A few change their mind after the as-of date: that must not count yet.
leaving as (

    select
        *,
        case
            when consent in ('opted_out', 'back_in')
                then after(
                    opt_in_at,
                    greatest(
                        3600,
                        date_diff('second', opt_in_at, getvariable('as_of') + interval 2 day)
                        * roll(consent_throw, 2)
                    )
                )
            when consent = 'opted_in' and rest(roll(consent_throw, 2)) < 0.01
                then after(getvariable('as_of'), 60 + roll(consent_throw, 2) * 100000)
        end as opt_out_at
    from consenting

)

select
    leaving.*,
    case
        when leaving.consent = 'back_in'
            then after(
                leaving.opt_out_at,
                greatest(
                    3600,
                    date_diff('second', leaving.opt_out_at, getvariable('as_of'))
                    * roll(leaving.consent_throw, 3)
                )
            )
        when leaving.consent = 'opted_out' and roll(leaving.consent_throw, 3) < 0.1
            then after(getvariable('as_of'), 120 + roll(leaving.consent_throw, 2) * 100000)
    end as back_in_at,
    phone.e164,
    coalesce(phone.is_landline, false) as is_landline,
    -- The one person of a number whom the brand writes to; nobody where another of them says stop.
    phone.e164 is not null and not phone.is_landline
        and leaving.n = leaving.phone_owner and not leaving.is_wide
        and count(leaving.opt_out_at) filter (leaving.n <> leaving.phone_owner)
            over (partition by leaving.phone_owner) = 0
        as can_be_texted,
    case
        when
            not leaving.is_wide and not leaving.is_guest
            and roll(leaving.suppression_throw, 0) < getvariable('suppressed')
            then after(
                leaving.created_at,
                date_diff('second', leaving.created_at, getvariable('as_of') + interval 2 day)
                * roll(leaving.suppression_throw, 1)
            )
    end as suppressed_at,
    pick(
        ['complaint', 'fraud', 'legal', 'deceased', 'reassigned_number', 'manual'],
        roll(leaving.suppression_throw, 2)
    ) as suppression_reason,
    floor(roll(leaving.profile, 0) * 10)::integer as favourite,
    2 * floor(roll(leaving.profile, 1) * 12)::integer as staple_rank
from leaving
left join phone on leaving.phone_owner = phone.n;

create table customers as
with

referrals as (

    select
        n,
        name_of('C', 1 + floor(roll(profile, 0) * (n - 1))::integer) as referred_by_customer_id
    from who
    where n > 1 and rest(roll(profile, 0)) < 0.06

)

select
    who.n,
    0 as k,
    0 as l,
    name_of('C', who.n) as customer_id,
    who.created_at,
    pick(getvariable('first_names'), roll(who.who, 1)) as first_name,
    pick(getvariable('last_names'), roll(dice('family', who.phone_owner), 0)) as last_name,
    'customer' || who.n || case when who.n % 3 = 0 then '@example.org' else '@example.com' end
        as email,
    case
        when who.e164 is not null
            then written(who.e164, who.country, floor(roll(who.profile, 2) * 6))
        when roll(dice('phone', who.n), 0) < getvariable('bad_phone')
            then pick(getvariable('unusable_phones'), roll(who.profile, 2))
    end as phone,
    case when who.country <> 'US' or rest(roll(who.profile, 2)) >= 0.01 then who.country end
        as country_code,
    who.region as region_code,
    case
        when who.country = 'US' then floor(10000 + roll(who.who, 2) * 89999)::integer::varchar
    end as postal_code,
    case when rest(roll(who.who, 2)) < 0.55 then who.time_zone end as time_zone,
    case
        when who.region = 'QC' then 'fr-CA'
        when who.country = 'FR' then 'fr-FR'
        when who.country = 'DE' then 'de-DE'
        when who.country = 'MY' then 'ms-MY'
        when who.country = 'US' and rest(roll(who.who, 1)) < 0.09 then 'es-US'
        else 'en-' || who.country
    end as language,
    case
        when rest(roll(who.life, 1)) < 0.7
            then date '1950-01-01' + floor(roll(who.profile, 3) * 20000)::integer
    end as birth_date,
    case
        when referrals.referred_by_customer_id is not null then 'referral'
        else pick(getvariable('channels'), roll(who.profile, 1))
    end as acquisition_channel,
    referrals.referred_by_customer_id,
    who.is_test,
    36 + who.n % 9 as shoe_size
from who
left join referrals using (n)
where not who.is_guest;
