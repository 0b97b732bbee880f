with

customers as (

    select * from {{ ref("customer_value") }}

),

bands as (

    select * from {{ ref("attention_bands") }}

),

ranked as (

    select
        customer_id,
        cm3_12m,
        margin_rank_12m,
        count(*) over () as customers
    from customers
    where margin_rank_12m is not null

),

-- Who ties with the last of a band is in it; nobody is who earned nothing.
reached as (

    select
        ranked.customer_id,
        min(case when ranked.cm3_12m > 0 then bands.top_share end) as top_share
    from ranked
    left join bands on ranked.margin_rank_12m <= ceil(bands.top_share * ranked.customers)
    group by ranked.customer_id

),

rest as (

    select max(top_share) as top_share
    from bands

),

int_customer_attention as (

    select
        customers.customer_id,
        bands.attention_band
    from customers
    cross join rest
    left join reached on customers.customer_id = reached.customer_id
    inner join bands on coalesce(reached.top_share, rest.top_share) = bands.top_share

)

select * from int_customer_attention
