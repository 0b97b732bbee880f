with

candidates as (

    select * from {{ ref("int_audience_candidates") }}

),

holdouts as (

    select * from {{ ref("holdouts") }}

),

holdout_log as (

    select * from {{ ref("stg_holdout_log") }}

),

-- Both arms are drawn among those who could have been texted, before any message exists.
eligible as (

    select
        contact_id,
        min(customer_id) as customer_id
    from candidates
    where exclusion_code is null
    group by contact_id

),

drawn as (

    select
        holdouts.experiment_id,
        eligible.contact_id,
        eligible.customer_id,
        {{ hash_bucket("holdouts.salt", "eligible.contact_id") }} as bucket,
        holdouts.share
    from eligible
    cross join holdouts
    where
        holdouts.effective_from <= {{ as_of_date() }}
        and (holdouts.effective_to is null or holdouts.effective_to > {{ as_of_date() }})

),

-- Once logged, an assignment stands: the policy may change, the arm may not.
assignments as (

    select
        experiment_id,
        contact_id,
        customer_id,
        arm,
        bucket,
        assigned_on
    from holdout_log

    union all

    select
        drawn.experiment_id,
        drawn.contact_id,
        drawn.customer_id,
        case when drawn.bucket < drawn.share then 'holdout' else 'treatment' end as arm,
        drawn.bucket,
        {{ as_of_date() }} as assigned_on
    from drawn
    left join holdout_log
        on
            drawn.experiment_id = holdout_log.experiment_id
            and drawn.contact_id = holdout_log.contact_id
    where holdout_log.contact_id is null

),

holdout_assignments as (

    select
        {{ as_of_date() }} as as_of_date,
        experiment_id,
        contact_id,
        customer_id,
        arm,
        bucket,
        assigned_on
    from assignments

)

select * from holdout_assignments
