with

tickets as (

    select * from {{ ref("stg_support_tickets") }}

),

int_customer_support as (

    select
        customer_id,
        count(*) as tickets_lifetime,
        sum(handle_minutes) as support_minutes_lifetime,
        cast({{ sum_in_last_months("1", "opened_at", 12) }} as bigint) as tickets_12m,
        {{ sum_in_last_months("coalesce(handle_minutes, 0)", "opened_at", 12) }}
            as support_minutes_12m
    from tickets
    group by customer_id

)

select * from int_customer_support
