-- Everything else customers do, for the buyers from `first_n` to `last_n`.

create or replace table visit as
with

account as (

    select
        *,
        dice('visit', n) as throw,
        greatest(created_at, getvariable('start')) as since,
        greatest(1, date_diff('day', since, getvariable('as_of'))) as days_here
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest

)

select
    account.n,
    number.k,
    account.is_core,
    account.favourite,
    account.days_here,
    account.since,
    dice('browse', account.n || ':' || number.k) as throw
from account
cross join lateral (
    select unnest(range(
        floor(account.visits * account.days_here / 50 * (0.5 + roll(account.throw, 0)))::integer
    )) as k
) as number;

create or replace table site_events as
with

-- What leads to an order: a session, a look at the article, most times the way to the till.
before_orders as (

    select
        basket.n,
        basket.k,
        step.l,
        case step.l
            when 1 then 'session' when 2 then 'product_view' else 'checkout_started'
        end as event_type,
        case when step.l = 2 then chosen.number end as number,
        after(basket.ordered_at, -3600 + step.l * 1100) as occurred_at,
        case when step.l = 1 then 120 + floor(rest(roll(basket.throw, 0)) * 1800) end as seconds
    from basket
    inner join chosen
        on basket.n = chosen.n
        and basket.k = chosen.k
        and chosen.l = 1
    cross join range(1, 4) as step(l)
    where
        not basket.is_guest
        and (step.l < 3 or rest(roll(basket.throw, 1)) < 0.6)
        and rest(roll(basket.throw, 2)) < 0.4

),

-- What leads to none.
idle as (

    select
        n,
        k,
        11 as l,
        case
            when roll(throw, 0) < 0.42 then 'session'
            when roll(throw, 0) < 0.74 then 'product_view'
            when roll(throw, 0) < 0.86 then 'add_to_cart'
            when roll(throw, 0) < 0.90 then 'checkout_started'
            when roll(throw, 0) < 0.93 then 'back_in_stock_request'
            when roll(throw, 0) < 0.96 then 'review'
            when roll(throw, 0) < 0.97 then 'referral'
            when roll(throw, 0) < 0.99 then 'social_share'
            else 'event_attended'
        end as event_type,
        1 + (favourite * 24 + floor(roll(throw, 1) * 60)::integer) % 240 as number,
        after(since, roll(throw, 2) * (days_here + 1) * 86400) as occurred_at,
        30 + floor(roll(throw, 3) * 900) as seconds
    from visit

)

select
    n,
    k,
    l,
    name_of('V', n) || '-' || k || '-' || l as site_event_id,
    name_of('C', n) as customer_id,
    event_type,
    case
        when event_type in ('product_view', 'add_to_cart', 'back_in_stock_request', 'review')
            then name_of('P', number)
    end as product_id,
    occurred_at,
    case when event_type = 'session' then seconds::integer end as duration_seconds
from (
    select * from before_orders
    union all
    select * from idle
)
where is_kept(occurred_at);

-- The other channels: a letter by e-mail three times a year, push, the odd catalogue or call.
create or replace table support_tickets as
select
    n,
    k,
    0 as l,
    name_of('T', n) || '-' || k as ticket_id,
    name_of('C', n) as customer_id,
    opened_at,
    after(opened_at, 300 + roll(throw, 1) * 28800) as first_response_at,
    case
        when opened_at + interval 3 day < getvariable('as_of')
            then after(opened_at, 30000 + roll(throw, 1) * 200000)
    end as closed_at,
    pick(['email', 'email', 'chat', 'phone', 'sms'], roll(throw, 2)) as channel,
    pick(['delivery', 'return', 'sizing', 'payment', 'product', 'account'], roll(throw, 3))
        as category,
    (3 + floor(rest(roll(throw, 1)) * case when is_noisy then 55 else 22 end))::decimal(6, 1)
        as handle_minutes,
    case
        when rest(roll(throw, 2)) < 0.6
            then greatest(1, least(5, floor(mood * 3 + 3)))::integer
    end as csat,
    mood::decimal(4, 2) as sentiment
from (
    select
        basket.n,
        basket.k,
        after(basket.ordered_at, (1 + roll(dice('ticket', basket.order_id), 0) * 9) * 86400)
            as opened_at,
        who.name = 'demanding' as is_noisy,
        dice('ticket', basket.order_id) as throw,
        -- From -1 to 1; those who ask all the time are seldom content.
        rest(roll(dice('ticket', basket.order_id), 3)) * 1.6
        - case when who.name = 'demanding' then 1.0 else 0.6 end as mood
    from basket
    inner join who using (n)
    where
        not basket.is_guest
        and rest(roll(basket.throw, 2)) < who.ticket_share
)
where is_kept(opened_at);

create or replace table service_incidents as
select
    basket.n,
    basket.k,
    0 as l,
    name_of('D', basket.n) || '-' || basket.k as incident_id,
    name_of('C', basket.n) as customer_id,
    basket.order_id,
    pick(['delay', 'delay', 'delay', 'damage', 'cancellation', 'outage'], roll(basket.throw, 1))
        as incident_type,
    pick(['low', 'low', 'medium', 'high'], rest(roll(basket.throw, 1))) as severity,
    basket.ordered_at + interval 3 day as opened_at,
    case
        when basket.ordered_at + interval 6 day < getvariable('as_of')
            then basket.ordered_at + interval 6 day
    end as resolved_at
from basket
where
    not basket.is_guest
    and is_kept(basket.ordered_at + interval 3 day)
    and rest(roll(basket.throw, 3)) > 0.98;

create or replace table benefit_redemptions as
select
    n,
    k,
    0 as l,
    name_of('B', n) || '-' || k as redemption_id,
    name_of('C', n) as customer_id,
    benefit_id,
    redeemed_at,
    case when n % 3 = 0 then 12.00::decimal(18, 2) end as cost
from (
    select
        basket.n,
        basket.k,
        pick(
            case
                when who.name = 'big_spender'
                    then ['platinum_shipping', 'platinum_contact', 'platinum_birthday']
                else ['gold_shipping', 'gold_birthday', 'silver_birthday']
            end,
            roll(basket.throw, 0)
        ) as benefit_id,
        after(basket.ordered_at, 60) as redeemed_at,
        rest(roll(basket.throw, 0)) as chance
    from basket
    inner join who using (n)
    where who.is_core and basket.status is distinct from 'cancelled'
)
where chance < 0.12;

create or replace table subscriptions as
select
    n,
    0 as k,
    0 as l,
    name_of('U', n) as subscription_id,
    name_of('C', n) as customer_id,
    name_of('P', 1 + (7 + n % 3) * 24 + staple_rank) as product_id,
    status,
    started_at,
    case
        when status in ('active', 'past_due')
            then getvariable('as_of') + to_days((n % 30)::integer)
    end as renews_at,
    case when status = 'past_due' then getvariable('as_of') - to_days((1 + n % 9)::integer) end
        as renewal_failed_at,
    case when status = 'cancelled' then started_at + interval 7 day end as cancelled_at
from (
    select
        n,
        staple_rank,
        after(created_at, 86400) as started_at,
        pick(
            ['active', 'active', 'active', 'active', 'active', 'past_due', 'paused', 'cancelled'],
            roll(dice('subscription', n), 1)
        ) as status
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest
        and roll(dice('subscription', n), 0) < 0.05
)
where started_at + interval 10 day < getvariable('as_of');

create or replace table surveys as
select
    n,
    0 as k,
    0 as l,
    name_of('Q', n) as survey_id,
    name_of('C', n) as customer_id,
    least(10, floor(
        case
            when name = 'demanding' then roll(throw, 1) * 8
            when is_core then 6 + roll(throw, 1) * 5
            else 2 + roll(throw, 1) * 9
        end
    ))::integer as score,
    answered_at
from (
    select
        n,
        name,
        is_core,
        dice('survey', n) as throw,
        after(created_at, (20 + roll(dice('survey', n), 2) * 300) * 86400) as answered_at
    from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and not is_guest
        and roll(dice('survey', n), 0) < case when is_core then 0.25 else 0.10 end
)
where is_kept(answered_at);

create or replace table loyalty_accounts as
select
    n,
    0 as k,
    0 as l,
    name_of('C', n) as customer_id,
    case when roll(dice('loyalty', n), 1) < 0.93 then 'active' else 'closed' end as status,
    floor(roll(dice('loyalty', n), 2) * case when is_core then 9000 else 1200 end)::decimal(18, 2)
        as points_balance,
    after(created_at, 120) as joined_at
from who
where
    n between getvariable('first_n') and getvariable('last_n')
    and not is_guest
    and roll(dice('loyalty', n), 0) < case when is_core then 0.9 else 0.55 end;
