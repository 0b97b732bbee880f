with

blended_ranks as (

    select * from {{ ref("int_tier_blended_ranks") }}

),

thresholds as (

    select * from {{ ref("int_tier_thresholds") }}
    where metric = 'rank_blend'

),

evaluations as (

    select * from {{ ref("int_tier_evaluations") }}

),

dates as (

    select * from {{ ref("int_tier_metric_dates") }}
    where kind = 'rank_blend'

),

values_of_day as (

    select * from {{ ref("int_tier_evaluated_values") }}

),

metric_spans as (

    select * from {{ ref("int_tier_metric_spans") }}

),

tier_rules as (

    select * from {{ ref("tier_rules") }}
    where combiner = 'rank_blend'

),

tier_metrics as (

    select * from {{ ref("tier_metrics") }}

),

blended_metrics as (

    select distinct
        policy_version,
        metric
    from tier_rules

),

latest_evaluations as (

    select
        policy_version,
        max(due_on) as due_on
    from evaluations
    group by policy_version

),

members as (

    select
        blended_ranks.policy_version,
        blended_ranks.tier_rank,
        blended_ranks.due_on,
        blended_ranks.customer_id,
        thresholds.rules_needed,
        thresholds.threshold,
        thresholds.valid_to
    from blended_ranks
    inner join thresholds
        on
            blended_ranks.policy_version = thresholds.policy_version
            and blended_ranks.tier_rank = thresholds.tier_rank
            and blended_ranks.due_on = thresholds.valid_from
            and blended_ranks.blended_rank <= thresholds.threshold

),

-- Who is within the last cut is asked again on each evaluation to come, while an order is left in
-- the period; nobody comes in by doing nothing.
asked_again as (

    select
        members.policy_version,
        members.tier_rank,
        members.due_on,
        members.customer_id,
        members.rules_needed,
        members.threshold,
        dates.asked_on,
        dates.next_asked_on
    from members
    inner join latest_evaluations
        on
            members.policy_version = latest_evaluations.policy_version
            and members.due_on = latest_evaluations.due_on
    inner join dates
        on
            members.policy_version = dates.policy_version
            and dates.asked_on > {{ as_of_date() }}
    inner join metric_spans
        on
            members.policy_version = metric_spans.policy_version
            and members.customer_id = metric_spans.customer_id
            and metric_spans.metric = 'orders_in_period'
            and metric_spans.metric_value > 0
            and dates.asked_on >= metric_spans.valid_from
            and dates.asked_on < {{ lasts_until("metric_spans.valid_to") }}

),

values_to_come as (

    select
        asked_again.policy_version,
        asked_again.tier_rank,
        asked_again.due_on,
        asked_again.customer_id,
        asked_again.asked_on,
        tier_rules.metric,
        tier_rules.weight,
        {{ value_to_rank("tier_metrics.kind", "metric_spans.metric_value") }} as metric_value
    from asked_again
    inner join tier_rules
        on
            asked_again.policy_version = tier_rules.policy_version
            and asked_again.tier_rank = tier_rules.tier_rank
    inner join tier_metrics on tier_rules.metric = tier_metrics.metric
    left join metric_spans
        on
            asked_again.policy_version = metric_spans.policy_version
            and asked_again.customer_id = metric_spans.customer_id
            and tier_rules.metric = metric_spans.metric
            and asked_again.asked_on >= metric_spans.valid_from
            and asked_again.asked_on < {{ lasts_until("metric_spans.valid_to") }}

),

-- The others stand where they stood on the last evaluation, and oneself no longer among them.
standings as (

    select
        values_of_day.policy_version,
        values_of_day.metric,
        values_of_day.metric_value,
        1 as customers,
        cast(null as int) as tier_rank,
        cast(null as {{ dbt.type_string() }}) as customer_id,
        cast(null as date) as asked_on,
        cast(null as int) as weight,
        0 as own_lead
    from values_of_day
    inner join latest_evaluations
        on
            values_of_day.policy_version = latest_evaluations.policy_version
            and values_of_day.due_on = latest_evaluations.due_on
    inner join blended_metrics
        on
            values_of_day.policy_version = blended_metrics.policy_version
            and values_of_day.metric = blended_metrics.metric

    union all

    select
        values_to_come.policy_version,
        values_to_come.metric,
        values_to_come.metric_value,
        0 as customers,
        values_to_come.tier_rank,
        values_to_come.customer_id,
        values_to_come.asked_on,
        values_to_come.weight,
        case
            when values_of_day.metric_value > values_to_come.metric_value then 1
            when
                values_of_day.metric_value is not null
                and values_to_come.metric_value is null
                then 1
            else 0
        end as own_lead
    from values_to_come
    inner join values_of_day
        on
            values_to_come.policy_version = values_of_day.policy_version
            and values_to_come.due_on = values_of_day.due_on
            and values_to_come.metric = values_of_day.metric
            and values_to_come.customer_id = values_of_day.customer_id

),

places as (

    select
        policy_version,
        tier_rank,
        customer_id,
        asked_on,
        weight,
        1 + sum(customers) over (
            partition by policy_version, metric
            order by metric_value desc nulls last
            range between unbounded preceding and current row
        ) - sum(customers) over (partition by policy_version, metric, metric_value)
        - own_lead as place
    from standings

),

ranks_to_come as (

    select
        policy_version,
        tier_rank,
        customer_id,
        asked_on,
        {{ money("sum(place * coalesce(weight, 1))") }} as blended_rank
    from places
    where asked_on is not null
    group by policy_version, tier_rank, customer_id, asked_on

),

int_tier_blend_spans as (

    select
        members.customer_id,
        members.policy_version,
        members.tier_rank,
        members.rules_needed,
        members.due_on as met_from,
        {{ lasts_until("coalesce(dates.next_asked_on, members.valid_to)") }} as met_until
    from members
    left join dates
        on
            members.policy_version = dates.policy_version
            and members.due_on = dates.asked_on
    where members.due_on <= {{ as_of_date() }} or dates.asked_on is null

    union all

    select
        asked_again.customer_id,
        asked_again.policy_version,
        asked_again.tier_rank,
        asked_again.rules_needed,
        asked_again.asked_on as met_from,
        {{ lasts_until("asked_again.next_asked_on") }} as met_until
    from asked_again
    inner join ranks_to_come
        on
            asked_again.policy_version = ranks_to_come.policy_version
            and asked_again.tier_rank = ranks_to_come.tier_rank
            and asked_again.customer_id = ranks_to_come.customer_id
            and asked_again.asked_on = ranks_to_come.asked_on
    where ranks_to_come.blended_rank <= asked_again.threshold

)

select * from int_tier_blend_spans
