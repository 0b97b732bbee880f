-- What the truth needs of the buyers just generated, in few columns: money by person and day, words
-- about consent, arms of campaigns, orders that a text caused. Money is in millionths of the
-- reporting currency: cents times a rate of four digits.

create table if not exists flow (n bigint, day date, amount bigint, is_refund boolean);
create table if not exists said (
    customer_id varchar, phone varchar, purpose varchar, action varchar, occurred_at timestamp
);
create table if not exists arm (campaign_id varchar, n bigint, is_holdout boolean);
create table if not exists caused_value (campaign_id varchar, amount bigint);

create or replace table valued as
select
    basket.*,
    basket.net_cents * coalesce(rate.rate, 10000) as amount,
    coalesce(rate.rate, 10000) as rate
from basket
left join rate
    on basket.currency = rate.currency
    and date_trunc('month', basket.ordered_at) = rate.valid_from;

insert into flow
select case when not is_guest then n end, ordered_at::date, amount, false
from valued
where status is distinct from 'cancelled' and ordered_at < getvariable('as_of');

insert into flow
select
    case
        when returns.order_id is not null and not valued.is_guest then returns.n
        when returns.customer_id is not null then returns.n
    end,
    returns.returned_at::date,
    -(returns.refund_amount * 100)::bigint * valued.rate,
    true
from returns
inner join valued using (n, k)
where returns.returned_at < getvariable('as_of');

insert into said
select customer_id, phone, coalesce(purpose, 'marketing'), action, occurred_at from consent_events;

-- A complaint is a stop, and so is a ticket or a reply that says so: the sample's replies all come
-- with a consent event.
insert into said
select customer_id, null, 'marketing', 'opt_out', occurred_at from sms_events
where event_type = 'complaint';

insert into arm select campaign_id, n, is_holdout from invited where kind_number = 1;

insert into caused_value select campaign_id, amount from valued where kind = 'caused';
