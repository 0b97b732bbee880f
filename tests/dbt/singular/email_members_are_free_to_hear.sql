-- Failure means that somebody who said stop, is suppressed, in doubt or held out is about to be
-- handed to the e-mail platform, under this account or another with the same address.
with

segment as (

    select * from {{ ref("sync_email_segment") }}

),

accounts as (

    select
        customer_id,
        contact_id,
        phone_e164,
        is_test,
        lower(trim(email)) as email
    from {{ ref("customer_contacts") }}

),

suppressions as (

    select * from {{ ref("stg_suppressions") }}
    where until_at is null or until_at > {{ as_of_moment() }}

),

held_out as (

    select * from {{ ref("holdout_assignments") }}
    where experiment_id = 'global' and arm = 'holdout'

),

barred as (

    select
        customer_id,
        state as reason
    from {{ ref("customer_consent") }}
    where purpose = 'marketing' and state in ('opted_out', 'unreadable')

    union all

    select
        customer_id,
        'suppressed' as reason
    from suppressions

    union all

    select
        accounts.customer_id,
        'suppressed' as reason
    from accounts
    inner join suppressions on accounts.phone_e164 = suppressions.phone_e164

    union all

    select
        customer_id,
        'held out' as reason
    from held_out

    union all

    select
        accounts.customer_id,
        'held out' as reason
    from accounts
    inner join held_out on accounts.contact_id = held_out.contact_id

),

found as (

    select
        segment.customer_id,
        barred.reason
    from segment
    inner join barred on segment.customer_id = barred.customer_id

    union

    select
        segment.customer_id,
        barred.reason
    from segment
    inner join accounts on segment.email = accounts.email
    inner join barred on accounts.customer_id = barred.customer_id

    union

    select
        segment.customer_id,
        'test account' as reason
    from segment
    inner join accounts on segment.customer_id = accounts.customer_id
    where accounts.is_test

)

select *
from found
