-- Orders, their lines and returns of the buyers from `first_n` to `last_n`.

-- Texts of campaigns, before any order, because some orders come of them. Early access goes to the
-- core archetypes less a holdout drawn by hash; private sales to a rotating quarter of everybody.
create or replace table invited as
with

could_be_texted as (

    select * from who
    where
        n between getvariable('first_n') and getvariable('last_n')
        and can_be_texted
        and not is_test
        and not is_guest
        and consent not in ('never', 'transactional')

),

addressed as (

    select could_be_texted.*, campaign.*
    from could_be_texted
    cross join campaign
    where
        could_be_texted.is_core
        and campaign.kind_number = 1
        and could_be_texted.created_at < campaign.starts_at - interval 60 day
    union all
    select could_be_texted.*, campaign.*
    from could_be_texted
    inner join campaign on could_be_texted.n % 4 = campaign.month_number % 4
    where campaign.kind_number = 2

)

select
    n,
    campaign_id,
    kind_number,
    month_number,
    message_type,
    uplift,
    dice('invited', n || campaign_id) as throw,
    after(starts_at, rest(roll(throw, 0)) * 1200) as sent_at,
    kind_number = 1 and bucket(campaign_id, name_of('C', n)) < holdout_share as is_holdout
from addressed
where
    opt_in_at < starts_at
    and (
        opt_out_at is null
        or starts_at + interval 1 hour < opt_out_at
        or starts_at > back_in_at
    )
    and (suppressed_at is null or starts_at + interval 1 hour < suppressed_at);

create or replace table campaign_texts as
select
    *,
    case
        when roll(throw, 0) < 0.950 then 'delivered'
        when roll(throw, 0) < 0.960 then 'sent'
        when roll(throw, 0) < 0.985 then 'undelivered'
        else 'failed'
    end as status
from invited
where not is_holdout;

-- Moments of orders. `kind` says why there is one.
create or replace table moment as
with

buyers as (

    select * from who
    where n between getvariable('first_n') and getvariable('last_n')

),

ticks as (

    select
        buyers.n,
        tick.k,
        buyers.first_minute,
        buyers.last_minute,
        dice('tick', buyers.n || ':' || tick.k) as throw,
        case
            when tick.k = 0 then 0
            else greatest(
                1, (buyers.gap * around_one(
                    dice('tick', buyers.n || ':' || tick.k), buyers.irregularity
                ))::bigint
            )
        end as gap,
        buyers.utc_offset
    from buyers
    cross join lateral (
        select unnest(range(
            case
                when buyers.last_minute <= buyers.first_minute then 0
                else 5 + (buyers.last_minute - buyers.first_minute) * 4 // (buyers.gap * 3)
            end
        )) as k
    ) as tick

),

timed as (

    select
        *,
        (first_minute + sum(gap) over (
            partition by n order by k rows between unbounded preceding and current row
        ))::bigint as minute
    from ticks

),

-- A rhythm of the customer's own, laid over the shop's clock.
usual as (

    select
        timed.n,
        timed.k::integer as k,
        'usual' as kind,
        after(
            getvariable('start') + to_days(clock.day),
            (pick(getvariable('hours'), roll(timed.throw, 2)) - timed.utc_offset) * 3600
            + floor(roll(timed.throw, 3) * 3600)
        ) as ordered_at,
        null::varchar as campaign_id
    from timed
    inner join clock on timed.minute // 90 = clock.slot
    where timed.minute < timed.last_minute

),

-- One order a month, in the middle of it, for the last seven whole months.
rising as (

    select
        buyers.n,
        (7 - months.ago)::integer as k,
        'rising' as kind,
        getvariable('this_month') - to_months(months.ago::integer)
            + to_days((9 + buyers.n % 8)::integer) + interval 18 hour as ordered_at,
        null::varchar as campaign_id
    from buyers
    cross join range(1, 8) as months(ago)
    where buyers.name = 'rising_star'

),

-- Once well inside the window; who is a cent short again in the first moment that does not count.
on_the_line as (

    select
        buyers.n,
        orders.k::integer as k,
        'on_the_line' as kind,
        case orders.k
            when 0 then getvariable('as_of') - interval 100 day + interval 18 hour
            else getvariable('as_of')
        end as ordered_at,
        null::varchar as campaign_id
    from buyers
    inner join range(2) as orders(k) on orders.k <= buyers.n - 17
    where buyers.name = 'on_the_line'

),

-- Orders there would not be without the text: what a holdout must find again.
caused as (

    select
        n,
        5000 + month_number as k,
        'caused' as kind,
        after(sent_at, 3600 + roll(throw, 2) * 5 * 86400) as ordered_at,
        campaign_id
    from campaign_texts
    where
        kind_number = 1
        and status = 'delivered'
        and roll(throw, 1) < uplift

)

select
    *,
    dice('order', n || ':' || k) as throw
from (
    select * from usual
    union all
    select * from rising
    union all
    select * from on_the_line
    union all
    select * from caused
)
where
    ordered_at >= getvariable('start')
    and (ordered_at < getvariable('as_of') or kind = 'on_the_line');

create or replace table chosen as
with

wanted as (

    select
        moment.n,
        moment.k,
        moment.kind,
        moment.ordered_at,
        who.name,
        who.favourite,
        who.staple_rank,
        who.taste,
        who.units,
        who.sale_share,
        who.country,
        market.price_level,
        line.l,
        dice('line', moment.n || ':' || moment.k || ':' || line.l) as throw,
        date_diff('day', getvariable('start'), moment.ordered_at) as day
    from moment
    inner join who using (n)
    inner join market using (country)
    cross join lateral (
        select unnest(range(1, 1 + (case
            when moment.kind in ('rising', 'caused') then 1
            when moment.kind = 'on_the_line' then 3
            -- A geometric number with the archetype's mean, eight at most.
            else least(8, 1 + floor(
                ln(roll(moment.throw, 0)) / ln(1 - 1 / greatest(who.lines, 1.01))
            ))
        end)::integer)) as l
    ) as line

),

categorised as (

    select
        *,
        case
            when kind <> 'usual' then favourite
            when roll(throw, 0) < 0.45 then favourite
            else floor((roll(throw, 0) - 0.45) / 0.55 * 10)
        end::integer as category_number
    from wanted

),

ranked as (

    select
        *,
        case
            -- Dearer each month, and alone in the order.
            when kind = 'rising' then 2 + 3 * k
            when kind = 'caused' then 12
            -- The same jar again.
            when category_number >= 7 and category_number = favourite and roll(throw, 3) < 0.6
                then staple_rank
            -- The newest of the category; launches are a twelfth of the window apart.
            when name = 'trend_leader' and roll(throw, 3) < 0.6
                then 2 * (greatest(
                    0,
                    (day * 120 - category_number * getvariable('days'))
                    // (getvariable('days') * 10)
                ) * 5 % 12) + 1
            else floor(power(roll(throw, 1), 1 / taste) * 24)
        end::integer as rank
    from categorised

),

-- What is not launched yet is bought as the classic one rank below.
available as (

    select
        ranked.*,
        case
            when article.launched_at > ranked.ordered_at then article.number - 1
            else article.number
        end as number
    from ranked
    inner join article
        on ranked.category_number = article.category_number
        and ranked.rank = article.rank

),

priced as (

    select
        available.*,
        case
            when available.kind = 'on_the_line' then (getvariable('threshold') + 10000) // 3
            else greatest(50, article.price_cents * available.price_level // 5000 * 50)
        end as full_price,
        case
            when available.kind <> 'usual' then 1
            else least(12, 1 + floor(-ln(roll(available.throw, 2)) * available.units * 0.45))
        end::integer as quantity,
        case
            when
                available.kind = 'usual'
                and rest(roll(available.throw, 1)) < available.sale_share
                    * case when calendar.is_sale then 1.6 else 0.8 end
                then 10 * (1 + floor(rest(roll(available.throw, 2)) * 4))
            else 0
        end::integer as markdown
    from available
    inner join article on available.number = article.number
    inner join calendar using (day)

)

select
    n,
    k,
    l,
    kind,
    number,
    quantity,
    throw,
    -- Half of what is marked down carries the lower price, half a discount on the line.
    case when l % 2 = 0 then full_price * (100 - markdown) // 100 else full_price end
        as price_cents,
    case when l % 2 = 1 then full_price * quantity * markdown // 100 else 0 end as discount_cents
from priced;

-- Each order with its totals in cents of its own currency.
create or replace table basket as
with

totals as (

    select
        n,
        k,
        sum(quantity)::integer as units,
        sum(quantity * price_cents - discount_cents)::bigint as before_cents
    from chosen
    group by n, k

),

-- Attribution, earned or not: orders in the five days after an early-access text. The text is of
-- the same month, because it goes out on the second Tuesday.
touched as (

    select
        moment.n,
        moment.k,
        campaign_texts.campaign_id
    from moment
    inner join campaign_texts
        on moment.n = campaign_texts.n
        and date_trunc('month', moment.ordered_at) = date_trunc('month', campaign_texts.sent_at)
    where
        campaign_texts.kind_number = 1
        and campaign_texts.status = 'delivered'
        and moment.kind = 'usual'
        and moment.ordered_at >= campaign_texts.sent_at
        and moment.ordered_at < campaign_texts.sent_at + interval 5 day
        and roll(moment.throw, 3) < 0.5

),

discounted as (

    select
        moment.n,
        moment.k,
        moment.kind,
        moment.ordered_at,
        moment.throw,
        who.name,
        who.is_guest,
        who.country,
        case when moment.kind = 'on_the_line' then 'USD' else market.currency end as currency,
        market.tax,
        coalesce(moment.campaign_id, touched.campaign_id) as campaign_id,
        totals.units,
        totals.before_cents,
        case
            when moment.kind = 'caused' then 10
            when moment.kind in ('rising', 'on_the_line') then 0
            when moment.k = 0 and roll(moment.throw, 1) < 0.35 then 10
            when roll(moment.throw, 1) > 0.84
                then pick([5, 10, 15, 20], rest(roll(moment.throw, 1)))
            else 0
        end as off,
        case
            when moment.kind <> 'usual' then 'completed'
            when roll(moment.throw, 2) < 0.025 then 'cancelled'
            when moment.ordered_at > getvariable('as_of') - interval 1 day then 'placed'
            when moment.ordered_at > getvariable('as_of') - interval 2 day then 'paid'
            when moment.ordered_at > getvariable('as_of') - interval 5 day then 'shipped'
            when roll(moment.throw, 2) > 0.99 then null
            else 'completed'
        end as status
    from moment
    inner join who using (n)
    inner join market using (country)
    inner join totals using (n, k)
    left join touched using (n, k)

)

select
    *,
    case
        when kind = 'on_the_line' then before_cents - getvariable('threshold') + n - 17
        else before_cents * off // 100
    end as off_cents,
    before_cents - off_cents as net_cents,
    name_of('O', n) || '-' || k as order_id,
    case when not is_guest then name_of('C', n) end as customer_id
from discounted;

create or replace table orders as
select
    n,
    k,
    0 as l,
    order_id,
    customer_id,
    ordered_at,
    status,
    case when currency <> 'USD' or rest(roll(throw, 2)) < 0.97 then currency end as currency,
    money(case when net_cents < 7500 then 795 else 0 end) as shipping_revenue,
    money(520 + 90 * units + case when country = 'US' then 0 else 650 end) as shipping_cost,
    money(30 + net_cents * 29 // 1000) as payment_fee,
    money(net_cents * tax // 100) as tax_amount,
    case when off_cents > 0 then money(off_cents) end as order_discount_amount,
    case
        when kind = 'caused' then 'EARLY-' || k - 5000
        when off = 0 then null
        when k = 0 then 'WELCOME10'
        else 'SAVE' || off
    end as discount_code,
    campaign_id,
    case
        when is_guest then 'store'
        else pick(['web', 'web', 'web', 'app', 'app', 'app', 'store', 'phone'], roll(throw, 3))
    end as sales_channel,
    -- One order in twelve is paid later, some of those late.
    case when rest(roll(throw, 3)) < 0.08 then ordered_at + interval 30 day end as due_at,
    case
        when status in ('cancelled', 'placed') then null
        when rest(roll(throw, 3)) >= 0.08 then ordered_at + interval 2 minute
        when ordered_at + interval 40 day < getvariable('as_of')
            then after(ordered_at, (12 + rest(rest(roll(throw, 3))) * 26) * 86400)
    end as paid_at
from basket;

create or replace table order_lines as
select
    n,
    k,
    l,
    name_of('O', n) || '-' || k || '-' || l as order_line_id,
    name_of('O', n) || '-' || k as order_id,
    name_of('P', number) as product_id,
    quantity,
    money(price_cents) as unit_price,
    case when discount_cents > 0 then money(discount_cents) end as line_discount_amount,
    -- One line in five has a cost of its own, a little off the article's.
    case
        when rest(roll(throw, 0)) < 0.2 then money(price_cents * (40 + n % 9) // 100)
    end as unit_cost
from chosen;

create or replace table sent_back as
with

thrown as (

    select
        *,
        dice('return', n || ':' || k || ':' || l) as back
    from chosen
    where kind = 'usual'

)

select
    thrown.n,
    thrown.k,
    thrown.l,
    thrown.number,
    thrown.back,
    basket.order_id,
    basket.customer_id,
    basket.currency,
    basket.ordered_at,
    after(basket.ordered_at, (4 + roll(thrown.back, 1) * 36) * 86400) as returned_at,
    -- Some keep half: one piece of several, or a refund for a flaw.
    case when roll(thrown.back, 2) < 0.15 then 2 else 1 end as part,
    greatest(1, thrown.quantity // part) as quantity,
    -- The line's share of what was paid.
    (thrown.quantity * thrown.price_cents - thrown.discount_cents)
    * basket.net_cents // greatest(basket.before_cents, 1) // part as refund_cents
from thrown
inner join basket using (n, k)
inner join who using (n)
where
    coalesce(basket.status, 'completed') = 'completed'
    and roll(thrown.back, 0) < who.return_share
    and is_kept(returned_at);

-- Most returns name order, line and customer; some the order alone, some (paid in the reporting
-- currency) the customer alone, a few neither.
create or replace table returns as
with

named as (

    select
        *,
        case
            when roll(back, 3) < 0.88 then 'all'
            when roll(back, 3) < 0.94 or currency <> 'USD' then 'order'
            when roll(back, 3) < 0.99 and customer_id is not null then 'customer'
            else 'nobody'
        end as names
    from sent_back

)

select
    n,
    k,
    l,
    'R' || order_id[2:] || '-' || l as return_id,
    case when names in ('all', 'order') then order_id end as order_id,
    case when names = 'all' then order_id || '-' || l end as order_line_id,
    case when names in ('all', 'customer') then customer_id end as customer_id,
    name_of('P', number) as product_id,
    returned_at,
    quantity,
    money(refund_cents) as refund_amount,
    money(400 + floor(rest(roll(back, 0)) * 500)) as return_cost,
    pick(['size', 'size', 'colour', 'damaged', 'late', 'changed_mind'], rest(roll(back, 1)))
        as reason
from named;
