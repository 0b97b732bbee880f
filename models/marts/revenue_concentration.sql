with

customers as (

    select * from {{ ref("stg_customers") }}

),

orders as (

    select * from {{ ref("int_customer_orders") }}

),

margins as (

    select * from {{ ref("int_customer_margins") }}

),

service_load as (

    select * from {{ ref("int_customer_service_load") }}

),

bands as (

    select * from {{ ref("concentration_bands") }}

),

{% set periods = ["12m", "lifetime"] -%}
{% set rankings = ["net_revenue", "margin", "support_minutes"] -%}
amounts as (

    {%- for period in periods %}
    select
        '{{ period }}' as period,
        margins.customer_id,
        margins.net_revenue_{{ period }} as net_revenue,
        margins.cm3_{{ period }} as margin,
        service_load.support_minutes_{{ period }} as support_minutes
    from margins
    inner join customers on margins.customer_id = customers.customer_id
    inner join orders on margins.customer_id = orders.customer_id
    inner join service_load on margins.customer_id = service_load.customer_id
    where
        orders.orders_{{ period }} > 0
        and not customers.is_test
    {{- "\n\n    union all\n" if not loop.last }}
    {%- endfor %}

),

totals as (

    select
        period,
        count(*) as customers,
        sum(net_revenue) as net_revenue,
        sum(margin) as margin,
        sum(support_minutes) as support_minutes
    from amounts
    group by period

),

ranked as (

    {%- for ranking in rankings %}
    select
        *,
        '{{ ranking }}' as ranked_by,
        row_number() over (
            partition by period
            order by {{ ranking }} desc, customer_id asc
        ) as place
    from amounts
    where {{ ranking }} is not null
    {{- "\n\n    union all\n" if not loop.last }}
    {%- endfor %}

),

-- Bounds of bands have four decimals: ten thousand slices are all that they can tell apart.
sliced as (

    select
        ranked.period,
        ranked.ranked_by,
        floor({{ ratio("(ranked.place - 1) * 10000", "totals.customers") }}) as slice,
        count(*) as customers,
        sum(ranked.net_revenue) as net_revenue,
        sum(ranked.margin) as margin,
        sum(ranked.support_minutes) as support_minutes
    from ranked
    inner join totals on ranked.period = totals.period
    group by
        ranked.period,
        ranked.ranked_by,
        floor({{ ratio("(ranked.place - 1) * 10000", "totals.customers") }})

),

-- Of five customers, one is the top fifth and the top hundredth as well: no top is empty.
banded as (

    select
        sliced.period,
        sliced.ranked_by,
        bands.band,
        sum(sliced.customers) as customers,
        sum(sliced.net_revenue) as net_revenue,
        sum(sliced.margin) as margin,
        sum(sliced.support_minutes) as support_minutes
    from sliced
    inner join bands
        on
            sliced.slice >= bands.lower_bound * 10000
            and sliced.slice < bands.upper_bound * 10000
    group by sliced.period, sliced.ranked_by, bands.band

),

-- Of a loss there are no shares: who loses most would have the largest. Nor is anything a multiple
-- of one.
revenue_concentration as (

    select
        {{ as_of_date() }} as as_of_date,
        banded.period,
        banded.ranked_by,
        banded.band,
        cast(banded.customers as bigint) as customers,
        {{ ratio("banded.customers", "totals.customers") }} as customer_share,
        {{ money("banded.net_revenue") }} as net_revenue,
        {{ money("banded.margin") }} as margin,
        case
            when totals.net_revenue > 0
                then {{ ratio("banded.net_revenue", "totals.net_revenue") }}
        end as revenue_share,
        case
            when totals.margin > 0 then {{ ratio("banded.margin", "totals.margin") }}
        end as margin_share,
        {{ ratio("banded.support_minutes", "totals.support_minutes") }} as support_time_share,
        {{ money_of_double(ratio("banded.net_revenue", "banded.customers")) }} as average_revenue,
        {{ money_of_double(
            ratio(
                "(totals.net_revenue - banded.net_revenue)",
                "(totals.customers - banded.customers)",
            )
        ) }} as average_revenue_of_rest,
        case
            when totals.net_revenue > banded.net_revenue
                then {{ ratio(
                    ratio("banded.net_revenue", "banded.customers"),
                    ratio(
                        "(totals.net_revenue - banded.net_revenue)",
                        "(totals.customers - banded.customers)",
                    ),
                ) }}
        end as revenue_against_rest
    from banded
    inner join totals on banded.period = totals.period

)

select * from revenue_concentration
