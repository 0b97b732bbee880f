with

candidates as (

    select * from {{ ref("int_audience_candidates") }}

),

audiences as (

    select * from {{ ref("audiences") }}

),

holdouts as (

    select * from {{ ref("holdouts") }}

),

holdout_log as (

    select * from {{ ref("stg_holdout_log") }}

),

contacts as (

    select * from {{ ref("int_customer_contacts") }}

),

-- An older account that joins a phone names its contact anew, and takes over what was drawn.
drawn_before as (

    select
        holdout_log.experiment_id,
        coalesce(contacts.contact_id, holdout_log.contact_id) as contact_id,
        holdout_log.arm
    from holdout_log
    left join contacts on holdout_log.contact_id = contacts.customer_id

),

-- Both arms are drawn among those who could have been texted, before any message exists: all
-- promotion in the experiment of the whole, and an audience in the one that its row names.
eligible as (

    select
        candidates.contact_id,
        candidates.customer_id,
        'global' as experiment_id,
        'promotional' as message_class
    from candidates
    where candidates.exclusion_code is null and candidates.message_class = 'promotional'

    union all

    select
        candidates.contact_id,
        candidates.customer_id,
        audiences.holdout_experiment_id as experiment_id,
        candidates.message_class
    from candidates
    inner join audiences on candidates.audience_id = audiences.audience_id
    where candidates.exclusion_code is null and audiences.holdout_experiment_id <> 'global'

),

drawn as (

    select
        eligible.experiment_id,
        eligible.contact_id,
        {{ hash_bucket("holdouts.salt", "eligible.contact_id") }} as bucket,
        holdouts.share,
        min(eligible.customer_id) as customer_id,
        max(case when eligible.message_class <> 'promotional' then 1 else 0 end) as is_owed
    from eligible
    inner join holdouts on eligible.experiment_id = holdouts.experiment_id
    where
        holdouts.effective_from <= {{ as_of_date() }}
        and (holdouts.effective_to is null or holdouts.effective_to > {{ as_of_date() }})
    group by eligible.experiment_id, eligible.contact_id, holdouts.salt, holdouts.share

),

new_draws as (

    select
        drawn.experiment_id,
        drawn.contact_id,
        drawn.customer_id,
        drawn.is_owed,
        drawn.bucket,
        case when drawn.bucket < drawn.share then 'holdout' else 'treatment' end as arm
    from drawn
    left join drawn_before
        on
            drawn.experiment_id = drawn_before.experiment_id
            and drawn.contact_id = drawn_before.contact_id
    where drawn_before.contact_id is null

),

held_out_of_all as (

    select contact_id
    from drawn_before
    where experiment_id = 'global' and arm = 'holdout'

    union

    select contact_id
    from new_draws
    where experiment_id = 'global' and arm = 'holdout'

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

    -- A promotion's own holdout is nested: drawn among those whom the whole does not hold out.
    select
        new_draws.experiment_id,
        new_draws.contact_id,
        new_draws.customer_id,
        new_draws.arm,
        new_draws.bucket,
        {{ as_of_date() }} as assigned_on
    from new_draws
    left join held_out_of_all on new_draws.contact_id = held_out_of_all.contact_id
    where
        new_draws.experiment_id = 'global'
        or new_draws.is_owed = 1
        or held_out_of_all.contact_id is null

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
