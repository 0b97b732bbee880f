-- Failure means a customer held two tiers on one day, or that a tier never left lasts beside
-- another.
select
    customer_id,
    valid_from,
    valid_to
from (
    select
        customer_id,
        valid_from,
        valid_to,
        lead(valid_from) over (partition by customer_id order by valid_from) as next_from
    from {{ ref("tier_history") }}
) as spans
where
    (next_from is not null and (valid_to is null or valid_to <> next_from))
    or valid_to <= valid_from
