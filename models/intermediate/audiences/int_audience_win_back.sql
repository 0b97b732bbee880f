with

lateness as (

    select * from {{ ref("int_customer_lateness") }}

),

customers as (

    select * from {{ ref("customer_value") }}

),

favourites as (

    select * from {{ ref("int_segment_favourites") }}

),

int_audience_win_back as (

    select
        lateness.customer_id,
        cast(cast(customers.last_order_at as date) as {{ dbt.type_string() }}) as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at,
        {{ merge_fields(
            category="favourites.favourite_category", brand="favourites.favourite_brand",
            quantity="customers.recency_days"
        ) }}
    from lateness
    inner join customers on lateness.customer_id = customers.customer_id
    left join favourites on lateness.customer_id = favourites.customer_id
    where
        lateness.lateness_ratio >= {{ parameter("overdue_at_risk") }}
        and customers.recency_days >= {{ parameter("at_risk_days_min") }}
        and customers.recency_days <= {{ parameter("lapsed_days_max") }}

)

select * from int_audience_win_back
