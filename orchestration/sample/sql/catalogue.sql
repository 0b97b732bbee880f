-- What does not depend on any customer: articles, rates, campaigns, stock. `article` and `market`
-- come from the constants; the rest is laid out here.

create table products as
select
    number as n,
    0 as k,
    0 as l,
    name_of('P', number) as product_id,
    product_name,
    category,
    brand,
    money(price_cents) as list_price,
    -- Cost of goods: 34 to 52 percent of the list price.
    money((price_cents * (34 + number * 7 % 19)) // 100) as unit_cost,
    rank >= 18 as is_premium,
    launched_at,
    case when is_replenished and rank % 4 <> 2 then 30 + rank % 3 * 15 end as replenishment_days
from article;

create table fx_rates as
select
    row_number() over (order by currency, valid_from) as n,
    0 as k,
    0 as l,
    currency,
    valid_from,
    (rate / 10000)::decimal(10, 4) as rate_to_reporting
from rate;

create table campaigns as
select
    month_number * 10 + kind_number as n,
    0 as k,
    0 as l,
    campaign_id,
    campaign_name,
    message_type,
    case when kind_number = 1 then 'vip' end as audience_id,
    starts_at,
    ends_at
from campaign;

-- Two weeks without stock, now and then; the last outage is still open.
create table inventory_events as
select
    article.number as n,
    spell as k,
    side as l,
    'I' || article.number || '-' || spell || '-' || side as inventory_event_id,
    name_of('P', article.number) as product_id,
    case side when 0 then 'out_of_stock' else 'back_in_stock' end as event_type,
    after(
        getvariable('start'),
        roll(dice('stock', article.number || ':' || spell), 0) * getvariable('days') * 86400
        + side * (3 + roll(dice('stock', article.number || ':' || spell), 1) * 18) * 86400
    ) as occurred_at
from article
cross join range(3) as spells(spell)
cross join range(2) as sides(side)
where
    article.number % 3 = spell % 3
    and occurred_at < getvariable('as_of');
