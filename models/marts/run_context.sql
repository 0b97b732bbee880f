with

landed as (

    select * from {{ ref("stg_run_context") }}

),

policy as (

    select * from {{ ref("int_policy_in_force") }}

),

run_context as (

    select
        landed.as_of_date,
        landed.run_id,
        landed.raw_fingerprint,
        landed.reporting_currency,
        landed.is_sample,
        policy.policy_version
    from landed
    cross join policy

)

select * from run_context
