with

conditions as (

    select * from {{ ref("int_audience_vip") }}

),

eligibility as (

    select * from {{ ref("int_customer_eligibility") }}

),

tiers as (

    select * from {{ ref("customer_tiers") }}

),

candidates as (

    select
        conditions.audience_id,
        conditions.customer_id,
        eligibility.contact_id,
        eligibility.legal_reason_code,
        tiers.tier_rank,
        row_number() over (
            partition by conditions.audience_id, eligibility.contact_id
            order by
                case when eligibility.legal_reason_code is null then 0 else 1 end asc,
                tiers.tier_rank desc,
                tiers.qualifying_spend desc,
                conditions.customer_id asc
        ) as place_on_phone
    from conditions
    inner join eligibility on conditions.customer_id = eligibility.customer_id
    inner join tiers on conditions.customer_id = tiers.customer_id

),

int_audience_candidates as (

    select
        audience_id,
        customer_id,
        contact_id,
        tier_rank,
        case
            when legal_reason_code is not null then legal_reason_code
            when place_on_phone > 1 then 'phone_already_chosen'
        end as exclusion_code
    from candidates

)

select * from int_audience_candidates
