-- Failure means a customer who meets an audience's condition got no decision, or two.
with

conditions as (

    select
        audience_id,
        count(distinct customer_id) as customers
    from {{ ref("audience_occurrences") }}
    group by audience_id

),

decisions as (

    select
        audience_id,
        count(*) as customers
    from {{ ref("audience_decisions") }}
    group by audience_id

),

waterfall as (

    select
        audience_id,
        sum(customers) as customers,
        min(customers_left) as customers_left
    from {{ ref("audience_waterfall") }}
    group by audience_id

)

select
    conditions.audience_id,
    conditions.customers as expected,
    decisions.customers as observed_decisions,
    waterfall.customers as observed_waterfall
from conditions
left join decisions on conditions.audience_id = decisions.audience_id
left join waterfall on conditions.audience_id = waterfall.audience_id
where
    conditions.customers <> coalesce(decisions.customers, 0)
    or conditions.customers <> coalesce(waterfall.customers, 0)
    or coalesce(waterfall.customers_left, 0) <> 0
