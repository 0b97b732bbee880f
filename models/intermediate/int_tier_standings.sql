with

walk as (

    select * from {{ ref("int_tier_walk") }}

),

steps as (

    select
        *,
        row_number() over (partition by customer_id order by step_on desc) as recency
    from walk
    where step_on <= {{ as_of_date() }}

),

moves as (

    select
        customer_id,
        step_on,
        earlier_rank,
        held_rank,
        row_number() over (partition by customer_id order by step_on desc) as recency
    from steps
    where held_rank <> earlier_rank

),

-- With no further orders: the walk beyond tonight knows only what leaves the window.
demotions as (

    select
        customer_id,
        step_on,
        row_number() over (partition by customer_id order by step_on) as demotion_number
    from walk
    where step_on > {{ as_of_date() }} and held_rank < earlier_rank

),

int_tier_standings as (

    select
        steps.customer_id,
        steps.policy_version,
        steps.qualified_rank,
        steps.held_rank,
        steps.grace_until,
        moves.step_on as tier_since,
        case when moves.held_rank < moves.earlier_rank then moves.earlier_rank end as lost_rank,
        case when steps.held_rank > 0 then demotions.step_on end as projected_demotion_on
    from steps
    left join moves
        on
            steps.customer_id = moves.customer_id
            and moves.recency = 1
    left join demotions
        on
            steps.customer_id = demotions.customer_id
            and demotions.demotion_number = 1
    where steps.recency = 1

)

select * from int_tier_standings
