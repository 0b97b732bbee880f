with

tiers as (

    select * from {{ ref("customer_tiers") }}
    where tier_rank > 0

),

stops as (

    select * from {{ ref("int_customer_email_stops") }}

),

ranked as (

    select
        tiers.customer_id,
        tiers.tier_rank,
        stops.contact_id,
        stops.is_test,
        stops.email is null as is_unreachable,
        stops.is_shared_too_widely,
        stops.is_suppressed,
        stops.is_in_doubt,
        stops.is_opted_out,
        stops.is_held_out,
        -- One customer speaks for an address: a platform knows one profile for it.
        row_number() over (
            partition by stops.email
            order by
                case when stops.is_test then 1 else 0 end asc,
                tiers.tier_rank desc,
                tiers.qualifying_spend desc,
                tiers.customer_id asc
        ) as place_on_address
    from tiers
    inner join stops on tiers.customer_id = stops.customer_id

),

decided as (

    select
        customer_id,
        contact_id,
        tier_rank,
        -- The first reason that holds, in the order in which texts are decided on.
        case
            when is_test then 'test_account'
            when is_suppressed then 'suppressed'
            when is_unreachable then 'no_email'
            when is_shared_too_widely then 'shared_email'
            when is_in_doubt then 'consent_unreadable'
            when is_opted_out then 'opted_out'
            when place_on_address > 1 then 'email_already_chosen'
            when is_held_out then 'global_holdout'
            else 'member'
        end as reason_code
    from ranked

),

email_decisions as (

    select
        {{ as_of_date() }} as as_of_date,
        customer_id,
        contact_id,
        tier_rank,
        case reason_code
            when 'member' then 'member'
            when 'global_holdout' then 'holdout'
            else 'excluded'
        end as decision,
        reason_code
    from decided

)

select * from email_decisions
