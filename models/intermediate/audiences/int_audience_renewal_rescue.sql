with

subscriptions as (

    select * from {{ ref("stg_subscriptions") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

int_audience_renewal_rescue as (

    select
        subscriptions.customer_id,
        subscriptions.subscription_id
        || '/' || cast(cast(subscriptions.renewal_failed_at as date) as {{ dbt.type_string() }})
            as subject_id,
        subscriptions.renewal_failed_at as occurred_at,
        {{ days_after("subscriptions.renewal_failed_at", "rescue_days") }} as expires_at,
        {{ merge_fields(
            product_id="subscriptions.product_id", product_name="products.product_name",
            category="products.category", brand="products.brand"
        ) }}
    from subscriptions
    left join products on subscriptions.product_id = products.product_id
    where
        subscriptions.status = 'past_due'
        and subscriptions.renewal_failed_at is not null
        and subscriptions.cancelled_at is null

)

select * from int_audience_renewal_rescue
