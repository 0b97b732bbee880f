with

audiences as (

    select * from {{ ref("audiences") }}

),

raw_tables as (

    select * from {{ ref("stg_contract_tables") }}

),

decisions as (

    select * from {{ ref("audience_decisions") }}

),

absent as (

    select
        audiences.audience_id,
        raw_tables.table_name
    from audiences
    inner join raw_tables
        on
            not raw_tables.is_present
            and concat(',', audiences.needs, ',')
            like concat('%,', raw_tables.table_name, ',%')

    union all

    -- Of these one is enough.
    select
        audiences.audience_id,
        {{ text_list("raw_tables.table_name") }} as table_name
    from audiences
    inner join raw_tables
        on
            concat(',', audiences.needs_one_of, ',')
            like concat('%,', raw_tables.table_name, ',%')
    group by audiences.audience_id
    having max(case when raw_tables.is_present then 1 else 0 end) = 0

),

missing as (

    select
        audience_id,
        {{ text_list("table_name") }} as missing_tables
    from absent
    group by audience_id

),

counts as (

    select
        audience_id,
        count(*) as customers,
        sum(case when decision = 'member' then 1 else 0 end) as members,
        sum(case when decision = 'holdout' then 1 else 0 end) as held_out
    from decisions
    group by audience_id

),

audience_overview as (

    select
        {{ as_of_date() }} as as_of_date,
        audiences.audience_id,
        audiences.message_class,
        audiences.is_message,
        audiences.priority,
        audiences.holdout_experiment_id,
        case
            when missing.audience_id is not null then 'no data'
            when counts.audience_id is null then 'nobody'
            else 'live'
        end as state,
        missing.missing_tables,
        cast(coalesce(counts.customers, 0) as bigint) as customers,
        cast(coalesce(counts.members, 0) as bigint) as members,
        cast(coalesce(counts.held_out, 0) as bigint) as held_out,
        cast(
            coalesce(counts.customers - counts.members - counts.held_out, 0) as bigint
        ) as excluded
    from audiences
    left join missing on audiences.audience_id = missing.audience_id
    left join counts on audiences.audience_id = counts.audience_id

)

select * from audience_overview
