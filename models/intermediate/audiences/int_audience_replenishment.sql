with

purchase_days as (

    select * from {{ ref("int_product_purchase_days") }}

),

rhythms as (

    select * from {{ ref("int_product_rhythms") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

last_purchases as (

    select purchase_days.*
    from purchase_days
    inner join tiers
        on
            purchase_days.customer_id = tiers.customer_id
            and tiers.tier_rank > 0
    where purchase_days.is_latest

),

own as (

    select
        customer_id,
        product_id,
        count(*) as gap_count,
        {{ pct("days_per_unit", 0.5) }} as days_per_unit
    from purchase_days
    where days_per_unit is not null
    group by customer_id, product_id

),

due as (

    select
        last_purchases.customer_id,
        last_purchases.product_id,
        last_purchases.bought_on,
        rhythms.product_name,
        rhythms.category,
        rhythms.brand,
        {{ parameter("replenishment_lead_share") }} as lead_share,
        cast(last_purchases.units as double) * case
            when own.gap_count >= {{ parameter("replenishment_own_gaps") }} then own.days_per_unit
            -- Few gaps of one's own count by how many they are beside those of everybody.
            else {{ ratio(
                "coalesce(own.gap_count * own.days_per_unit, 0) + "
                ~ parameter("replenishment_own_gaps") ~ " * rhythms.days_per_unit",
                "coalesce(own.gap_count, 0) + " ~ parameter("replenishment_own_gaps"),
            ) }}
        end as lasts_days
    from last_purchases
    inner join rhythms on last_purchases.product_id = rhythms.product_id
    left join own
        on
            last_purchases.customer_id = own.customer_id
            and last_purchases.product_id = own.product_id
    where rhythms.days_per_unit is not null

),

windows as (

    select
        *,
        {{ date_plus("bought_on", "round(lasts_days)", "day") }} as due_on,
        {{ date_plus("bought_on", "floor(lasts_days * (1 - lead_share))", "day") }} as window_from,
        {{ date_plus("bought_on", "ceil(lasts_days * (1 + lead_share))", "day") }} as window_to
    from due
    where lasts_days <= {{ parameter("replenishment_days_max") }}

),

int_audience_replenishment as (

    select
        customer_id,
        product_id || '/' || cast(bought_on as {{ dbt.type_string() }}) as subject_id,
        {{ moment_of("window_from") }} as occurred_at,
        {{ moment_of("window_to") }} as expires_at,
        {{ merge_fields(
            product_id="product_id", product_name="product_name", category="category",
            brand="brand", due_on="due_on"
        ) }}
    from windows
    where window_from <= {{ as_of_date() }} and window_to > {{ as_of_date() }}

)

select * from int_audience_replenishment
