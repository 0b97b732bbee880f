with

contact_places as (

    select * from {{ ref("int_contact_places") }}

),

consent_rules as (

    select * from {{ ref("sms_consent_rules") }}

),

-- Five business days are a week; a law that names no day leaves the hours of the policy.
rules as (

    select
        region_code,
        case
            when opt_out_deadline_days = 0 then {{ parameter("opt_out_at_once_hours") }}
            when day_basis = 'business'
                then 24 * (opt_out_deadline_days + 2 * floor(opt_out_deadline_days / 5))
            else 24 * opt_out_deadline_days
        end as deadline_hours
    from consent_rules

),

region_sets as (

    select distinct region_set from contact_places

),

deadlines as (

    select
        region_sets.region_set,
        min(coalesce(rules.deadline_hours, {{ parameter("opt_out_at_once_hours") }}))
            as deadline_hours
    from region_sets
    left join rules on {{ is_in_list("rules.region_code", "region_sets.region_set") }}
    group by region_sets.region_set

),

int_contact_opt_out_deadlines as (

    select
        contact_places.contact_id,
        cast(deadlines.deadline_hours as double) as deadline_hours
    from contact_places
    inner join deadlines on contact_places.region_set = deadlines.region_set

)

select * from int_contact_opt_out_deadlines
