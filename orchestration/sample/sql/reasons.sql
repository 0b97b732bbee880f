-- Why each VIP may, or may not, be texted on the as-of date, in the fixed order of the reasons.
-- Needs `held` (n, rank, highest, spend, grace_until) and `unreadable` (customer_id).

create or replace table phone_use as
select
    e164,
    count(*) as customers
from who
where not is_guest and e164 is not null
group by e164;

-- Who counts as one for consent: all customers of a phone, unless it is on too many accounts.
create or replace table contact as
select
    who.n,
    name_of('C', who.n) as customer_id,
    who.is_test,
    who.e164,
    who.is_landline,
    phone_use.customers > getvariable('max_customers_per_phone') as is_shared_too_widely,
    case
        when phone_use.customers <= getvariable('max_customers_per_phone') then who.e164
        else name_of('C', who.n)
    end as contact
from who
left join phone_use using (e164)
where not who.is_guest;

-- Rows about a phone alone hold for its contact.
create or replace table last_word as
select
    contact,
    arg_max(action, occurred_at) as action
from (
    select contact.contact, said.action, said.occurred_at
    from said
    inner join contact on said.customer_id = contact.customer_id
    where said.occurred_at < getvariable('as_of') and said.purpose = 'marketing'
    union all
    select contact.contact, said.action, said.occurred_at
    from said
    inner join contact on said.phone = contact.e164
    where said.occurred_at < getvariable('as_of') and said.purpose = 'marketing'
)
group by contact;

create or replace table left_alone as
with

in_force as (

    select * from all_suppressions
    where
        from_at < getvariable('as_of')
        and (until_at is null or until_at >= getvariable('as_of'))

)

select contact.contact
from in_force
inner join contact using (customer_id)
union
select contact.contact
from in_force
inner join contact on in_force.phone = contact.e164;

create or replace table unreadable_contact as
select distinct contact.contact
from unreadable
inner join contact using (customer_id);

create or replace table judged as
with

states as (

    select
        contact.*,
        contact in (select contact from left_alone) as is_suppressed,
        contact in (select contact from unreadable_contact) as is_unreadable,
        last_word.action,
        coalesce(held.rank, 0) as rank,
        coalesce(held.highest, 0) as highest,
        coalesce(held.spend, 0) as spend,
        held.grace_until
    from contact
    left join last_word using (contact)
    left join held using (n)

),

excluded as (

    select
        *,
        case
            when is_test then 'test_account'
            when is_suppressed then 'suppressed'
            when e164 is null then 'no_phone'
            when is_landline then 'not_textable'
            when is_shared_too_widely then 'shared_phone'
            when is_unreadable then 'consent_unreadable'
            when action = 'opt_out' then 'opted_out'
            when action is null then 'no_consent'
        end as first_reason
    from states

),

-- Of several VIPs behind one phone the highest is written to.
seated as (

    select
        *,
        case
            when rank > 0 and first_reason is null
                then row_number() over (
                    partition by contact, rank > 0 and first_reason is null
                    order by rank desc, spend desc, customer_id
                )
        end as seat
    from excluded

)

select
    *,
    case
        when first_reason is not null then first_reason
        when seat > 1 then 'phone_already_chosen'
        else 'eligible'
    end as reason
from seated;
