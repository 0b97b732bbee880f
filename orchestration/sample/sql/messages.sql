-- Texts and what came of them, other channels, consent and suppression, for the buyers from `first_n` to `last_n`.

create or replace table texts as
with

welcomes as (

    select
        n,
        0 as k,
        0 as l,
        'W' as letter,
        'CMP-WELCOME' as campaign_id,
        'welcome' as message_type,
        'marketing' as purpose,
        after(opt_in_at, 300) as sent_at,
        'delivered' as status
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest
        and can_be_texted
        and consent not in ('never', 'transactional')

),

campaigns as (

    select
        n,
        month_number as k,
        kind_number as l,
        case kind_number when 1 then 'E' else 'P' end as letter,
        campaign_id,
        message_type,
        'marketing' as purpose,
        sent_at,
        status
    from campaign_texts

),

parcels as (

    select
        basket.n,
        basket.k,
        3 as l,
        'T' as letter,
        null as campaign_id,
        'order_update' as message_type,
        'transactional' as purpose,
        basket.ordered_at + interval 26 hour as sent_at,
        'delivered' as status
    from basket
    inner join who using (n)
    where
        who.can_be_texted
        and not basket.is_guest
        and basket.status is distinct from 'cancelled'
        and rest(roll(basket.throw, 1)) < 0.25
        and (who.suppressed_at is null or basket.ordered_at + interval 27 hour < who.suppressed_at)

),

reminders as (

    select distinct
        basket.n,
        basket.k,
        4 as l,
        'R' as letter,
        'CMP-REPLENISH' as campaign_id,
        'replenishment' as message_type,
        'marketing' as purpose,
        basket.ordered_at + interval 40 day as sent_at,
        'delivered' as status
    from basket
    inner join who using (n)
    inner join chosen using (n, k)
    inner join article using (number)
    where
        article.is_replenished
        and who.can_be_texted
        and not basket.is_guest
        and who.consent in ('opted_in', 'no_proof')
        and who.opt_in_at < basket.ordered_at
        and (who.suppressed_at is null or basket.ordered_at + interval 41 day < who.suppressed_at)
        and rest(roll(basket.throw, 0)) < 0.3

)

select
    *,
    dice('text', n || ':' || letter || ':' || k) as throw
from (
    select * from welcomes
    union all
    select * from campaigns
    union all
    select * from parcels
    union all
    select * from reminders
)
where is_kept(sent_at);

create or replace table sms_messages as
select
    n,
    k,
    l,
    name_of('M', n) || '-' || letter || k as message_id,
    name_of('C', n) as customer_id,
    campaign_id,
    message_type,
    purpose,
    sent_at,
    status,
    case status when 'failed' then '30003' when 'undelivered' then '30005' end as error_code,
    segments,
    case when n % 2 = 0 then (segments * 0.0092)::decimal(10, 4) end as cost
from (
    select
        *,
        case when roll(throw, 0) < 0.7 then 1 else 2 end as segments
    from texts
);

create or replace table channel_touches as
with

letters as (

    select
        who.n,
        who.is_core,
        month.month_number,
        month.campaign_id,
        month.starts_at,
        dice('touch', who.n || month.campaign_id) as throw
    from who
    inner join campaign as month on who.n % 4 = (month.month_number + 2) % 4
    where
        month.kind_number = 2
        and who.created_at < month.starts_at
        and who.n between getvariable('first_n') and getvariable('last_n')
        and not who.is_guest

),

sent as (

    select
        *,
        pick(
            case
                when is_core then ['email', 'email', 'email', 'push', 'mail', 'phone']
                else ['email', 'email', 'email', 'email', 'email', 'push']
            end,
            roll(throw, 0)
        ) as channel,
        after(starts_at, (1 + roll(throw, 3)) * 86400) as sent_at
    from letters

)

select
    n,
    month_number as k,
    0 as l,
    name_of('H', n) || '-' || month_number as touch_id,
    name_of('C', n) as customer_id,
    channel,
    campaign_id,
    'newsletter' as message_type,
    sent_at,
    case
        when channel in ('email', 'push') and roll(throw, 2) < 0.35
            then after(sent_at, 300 + roll(throw, 1) * 86400)
    end as opened_at,
    case
        when channel in ('email', 'push') and roll(throw, 2) < 0.06
            then after(sent_at, 360 + roll(throw, 1) * 86400)
    end as clicked_at
from sent
where is_kept(sent_at);

-- What came of the texts: each offer of the thirty days before wears the next one out, another
-- channel's by its weight and rounded up.
create or replace table sms_events as
with

received as (

    select n, sent_at, 1 as weight, letter || k as text_id from texts where purpose = 'marketing'
    union all
    select n, sent_at, weight, null from channel_touches inner join touch_weight using (channel)

),

worn as (

    select
        n,
        text_id,
        getvariable('wear') ** ceil(coalesce(sum(weight) over (
            partition by n order by sent_at
            range between interval 30 day preceding and current row exclude current row
        ), 0)) as interest
    from received

),

reactions as (

    select
        texts.n,
        texts.k,
        texts.l,
        name_of('M', texts.n) || '-' || texts.letter || texts.k as message_id,
        case
            when
                roll(texts.throw, 1)
                < case when who.is_core then 0.16 else 0.07 end * coalesce(worn.interest, 1)
                then 'click'
            when roll(texts.throw, 1) > 0.996 then 'reply'
        end as event_type,
        after(texts.sent_at, 60 + roll(texts.throw, 2) * roll(texts.throw, 2) * 172800)
            as occurred_at
    from texts
    inner join who using (n)
    left join worn on texts.n = worn.n and texts.letter || texts.k = worn.text_id
    where texts.status = 'delivered'

),

answers as (

    select n, 'opt_out' as event_type, opt_out_at as occurred_at from who
    where opt_out_at is not null
    union all
    select n, 'complaint', suppressed_at from who
    where suppressed_at is not null and suppression_reason = 'complaint'
    union all
    select n, 'reply', opt_out_at from who
    where opt_out_at is not null

),

-- Stops and complaints answer the last text before them. Each stop is a consent event and a reply
-- with the words too, each complaint a suppression, at the same moment.
answered as (

    select
        answers.n,
        0 as k,
        case answers.event_type when 'opt_out' then 7 when 'complaint' then 8 else 9 end as l,
        arg_max(name_of('M', texts.n) || '-' || texts.letter || texts.k, texts.sent_at)
            as message_id,
        answers.event_type,
        answers.occurred_at
    from answers
    inner join texts
        on answers.n = texts.n
        and answers.occurred_at > texts.sent_at
    group by answers.n, answers.event_type, answers.occurred_at

)

select
    n,
    k,
    l,
    'X' || message_id[2:] || '-' || if(l = 9, 'answer', event_type) as sms_event_id,
    message_id,
    name_of('C', n) as customer_id,
    event_type,
    occurred_at,
    case
        when l = 9
            then ['STOP', 'Stop.', 'please stop texting me', 'No more of these, thanks'][1 + n % 4]
        when event_type = 'reply'
            then ['Thank you!', 'Do you have it in blue?', 'ok', 'When does it end?'][1 + n % 4]
    end as reply_text
from (
    select * from reactions
    where event_type is not null
    union all
    select * from answered
)
where is_kept(occurred_at);

create or replace table consent_events as
with

speakers as (

    select
        *,
        rest(roll(consent_throw, 0)) as by_chance
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest

),

spoken as (

    select n, 0 as k, 'marketing' as purpose, 'opt_in' as action, opt_in_at as occurred_at,
    by_chance from speakers where consent not in ('never', 'transactional') union all select n, 1,
    'transactional', 'opt_in', opt_in_at, by_chance from speakers where consent <> 'never' and
    by_chance < 0.5 or consent = 'transactional' union all select n, 2, 'marketing', 'opt_out',
    opt_out_at, by_chance from speakers where opt_out_at is not null union all select n, 3,
    'marketing', 'opt_in', back_in_at, by_chance from speakers where back_in_at is not null

),

-- Three stops in ten come from the text platform, which knows the number alone.
known as (

    select
        spoken.*,
        who.consent,
        who.e164,
        spoken.action = 'opt_out' and spoken.by_chance < 0.3 and who.can_be_texted as is_by_phone
    from spoken
    inner join who using (n)

)

select
    n,
    k,
    0 as l,
    name_of('E', n) || '-' || k as consent_event_id,
    case when not is_by_phone then name_of('C', n) end as customer_id,
    case when is_by_phone or by_chance > 0.8 then e164 end as phone,
    case when purpose = 'transactional' or by_chance < 0.6 then purpose end as purpose,
    action,
    occurred_at,
    case
        when action = 'opt_out' or k = 3 then 'keyword'
        when consent = 'no_proof' then 'import'
        else 'checkout'
    end as source,
    case
        when consent <> 'no_proof' and action = 'opt_in'
            then 'consent/' || strftime(occurred_at, '%Y/%m') || '/' || name_of('E', n)
    end as proof
from known
where is_kept(occurred_at);

create or replace table suppressions as
select
    n,
    0 as k,
    0 as l,
    name_of('S', n) as suppression_id,
    case when not is_by_phone then name_of('C', n) end as customer_id,
    case when is_by_phone then e164 end as phone,
    suppression_reason as reason,
    suppressed_at as from_at,
    -- Set by hand, some end: half of those are over.
    case
        when suppression_reason = 'manual'
            then case
                when n % 2 = 0 then suppressed_at + interval 30 day
                else getvariable('as_of') + interval 90 day
            end
    end as until_at
from (
    select
        *,
        can_be_texted and roll(suppression_throw, 3) < 0.3 as is_by_phone
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest
        and suppressed_at is not null
);
