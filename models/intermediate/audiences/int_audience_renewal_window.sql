with

subscriptions as (

    select * from {{ ref("stg_subscriptions") }}

),

products as (

    select * from {{ ref("stg_products") }}

),

int_audience_renewal_window as (

    select
        subscriptions.customer_id,
        subscriptions.subscription_id
        || '/' || cast(cast(subscriptions.renews_at as date) as {{ dbt.type_string() }})
            as subject_id,
        {{ as_of_moment() }} as occurred_at,
        subscriptions.renews_at as expires_at,
        {{ merge_fields(
            product_id="subscriptions.product_id", product_name="products.product_name",
            category="products.category", brand="products.brand",
            due_on="cast(subscriptions.renews_at as date)"
        ) }}
    from subscriptions
    left join products on subscriptions.product_id = products.product_id
    where
        subscriptions.status = 'active'
        and subscriptions.cancelled_at is null
        and subscriptions.renews_at >= {{ as_of_moment() }}
        and subscriptions.renews_at < {{ moment_of(
            date_plus(as_of_date(), parameter("renewal_notice_days"), "day")
        ) }}

)

select * from int_audience_renewal_window
