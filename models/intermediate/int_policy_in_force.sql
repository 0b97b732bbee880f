with

policy_versions as (

    select * from {{ ref("policy_versions") }}

),

int_policy_in_force as (

    select
        policy_version,
        qualifying_spend_basis,
        qualification_period,
        grace_months,
        demotion_cadence,
        demotion_mode,
        {{ qualification_window_from("qualification_period", as_of_date()) }} as window_from
    from policy_versions
    where
        effective_from <= {{ as_of_date() }}
        and (effective_to is null or effective_to > {{ as_of_date() }})

)

select * from int_policy_in_force
