with

yearly_days as (

    select * from {{ ref("int_customer_yearly_days") }}

),

int_audience_anniversary as (

    select
        customer_id,
        cast(day_on as {{ dbt.type_string() }}) as subject_id,
        cast(day_on as {{ dbt.type_timestamp() }}) as occurred_at,
        {{ days_after("day_on", "celebration_days") }} as expires_at,
        {{ merge_fields(quantity="years") }}
    from yearly_days
    where kind = 'anniversary'

)

select * from int_audience_anniversary
