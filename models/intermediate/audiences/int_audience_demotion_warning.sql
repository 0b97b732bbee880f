with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

-- On the day itself the tier is gone: what is told is how to have it back.
due as (

    select
        customer_id,
        demotion_warning_days,
        case
            when demotion_warning_days = 0 then {{ as_of_date() }} else projected_demotion_on
        end as due_on,
        case
            when demotion_warning_days = 0 then spend_to_earn_back else spend_to_keep_tier
        end as amount
    from tiers
    where demotion_warning_days is not null

),

int_audience_demotion_warning as (

    select
        customer_id,
        cast(due_on as {{ dbt.type_string() }})
        || '/' || cast(demotion_warning_days as {{ dbt.type_string() }}) as subject_id,
        {{ as_of_moment() }} as occurred_at,
        {{ days_after("due_on", "tier_news_days") }} as expires_at,
        {{ merge_fields(amount="amount", quantity="demotion_warning_days", due_on="due_on") }}
    from due

)

select * from int_audience_demotion_warning
