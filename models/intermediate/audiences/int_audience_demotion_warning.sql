with

tiers as (

    select * from {{ ref("customer_tiers") }}

),

changes as (

    select * from {{ ref("tier_history") }}

),

staged as (

    select
        customer_id,
        projected_demotion_on as due_on,
        spend_to_keep_tier as amount,
        case
            when projected_demotion_on <= {{ date_plus(
                as_of_date(), parameter("demotion_second_warning_days"), "day"
            ) }} then {{ parameter("demotion_second_warning_days") }}
            else {{ parameter("demotion_first_warning_days") }}
        end as days_before
    from tiers
    where
        projected_demotion_on > {{ as_of_date() }}
        and projected_demotion_on <= {{ date_plus(
            as_of_date(), parameter("demotion_first_warning_days"), "day"
        ) }}

    union all

    -- On the day itself the tier is gone: what is told is how to have it back.
    select
        changes.customer_id,
        changes.valid_from as due_on,
        tiers.spend_to_next_tier as amount,
        0 as days_before
    from changes
    inner join tiers on changes.customer_id = tiers.customer_id
    where
        changes.change_reason = 'demoted'
        and changes.valid_to is null
        and changes.valid_from > {{ date_plus(
            as_of_date(), "-" ~ parameter("tier_news_days"), "day"
        ) }}

),

ranked as (

    select
        customer_id,
        due_on,
        amount,
        days_before,
        row_number() over (partition by customer_id order by days_before, due_on) as place
    from staged

),

int_audience_demotion_warning as (

    select
        customer_id,
        cast(due_on as {{ dbt.type_string() }})
        || '/' || cast(cast(days_before as {{ dbt.type_int() }}) as {{ dbt.type_string() }})
            as subject_id,
        {{ as_of_moment() }} as occurred_at,
        cast(
            case
                when days_before > 0 then due_on
                else {{ date_plus("due_on", parameter("tier_news_days"), "day") }}
            end as {{ dbt.type_timestamp() }}
        ) as expires_at,
        {{ merge_fields(amount="amount", quantity="days_before", due_on="due_on") }}
    from ranked
    where place = 1

)

select * from int_audience_demotion_warning
