with

customers as (

    select * from {{ ref("customer_value") }}

),

int_audience_referral_ask as (

    select
        customer_id,
        cast({{ period_start(as_of_date(), "year") }} as {{ dbt.type_string() }}) as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(null as {{ dbt.type_timestamp() }}) as expires_at,
        {{ merge_fields() }}
    from customers
    where
        advocacy_score >= {{ parameter("referral_ask_points") }}
        -- Who never answered is not asked whether.
        and (nps_latest is null or nps_latest >= {{ parameter("promoter_score") }})

)

select * from int_audience_referral_ask
