with

contact_opt_outs as (

    select * from {{ ref("int_contact_opt_outs") }}

),

deadlines as (

    select * from {{ ref("int_contact_opt_out_deadlines") }}

),

measured as (

    select
        contact_opt_outs.*,
        coalesce(deadlines.deadline_hours, {{ parameter("opt_out_at_once_hours") }})
            as deadline_hours,
        {{ hours_between("contact_opt_outs.opted_out_at", "contact_opt_outs.suppressed_at") }}
            as hours_to_suppression,
        {{ hours_between("contact_opt_outs.opted_out_at", "contact_opt_outs.last_text_at") }}
            as hours_to_last_text
    from contact_opt_outs
    left join deadlines on contact_opt_outs.contact_id = deadlines.contact_id

),

opt_outs as (

    select
        {{ as_of_date() }} as as_of_date,
        contact_id,
        opted_out_at,
        source,
        opted_in_again_at,
        cast(texts_after as bigint) as texts_after,
        first_text_at,
        last_text_at,
        hours_to_last_text,
        suppressed_at,
        hours_to_suppression,
        cast(deadline_hours as double) as deadline_hours,
        case
            when hours_to_last_text > deadline_hours then 'past_deadline'
            when hours_to_last_text > {{ parameter("opt_out_alarm_hours") }} then 'late'
            else 'heeded'
        end as heeding
    from measured

)

select * from opt_outs
