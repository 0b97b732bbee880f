with

strata as (

    select * from {{ ref("int_holdout_strata") }}

),

counts as (

    select
        experiment_id,
        stratum_kind,
        stratum,
        count(*) as contacts,
        sum(case when arm = 'holdout' then 1 else 0 end) as held_out,
        sum(share) as expected_held_out,
        sum(share * (1 - share)) as variance
    from strata
    group by experiment_id, stratum_kind, stratum

),

-- With few in an arm the count is no bell, and says nothing.
measured as (

    select
        *,
        case
            when
                least(expected_held_out, contacts - expected_held_out)
                >= {{ parameter("holdout_balance_least") }}
                then round({{ ratio("held_out - expected_held_out", "sqrt(variance)") }}, 6)
        end as z
    from counts

),

holdout_balance as (

    select
        {{ as_of_date() }} as as_of_date,
        experiment_id,
        stratum_kind,
        stratum,
        cast(contacts as bigint) as contacts,
        cast(contacts - held_out as bigint) as treated,
        cast(held_out as bigint) as held_out,
        cast(expected_held_out as double) as expected_held_out,
        z,
        abs(z) <= {{ parameter("holdout_balance_z") }} as is_within_bounds
    from measured

)

select * from holdout_balance
