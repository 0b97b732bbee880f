-- Failure means a month in which members came or went without a move, or did not follow the month
-- before.
select
    month_start_date,
    tier,
    members_before,
    members_at_start,
    members_at_end
from (
    select
        month_start_date,
        tier,
        members_at_start,
        entered_from_below,
        entered_from_above,
        left_upwards,
        left_downwards,
        members_at_end,
        lag(members_at_end) over (
            partition by tier_rank
            order by month_start_date
        ) as members_before
    from {{ ref("tier_movements") }}
) as months
where
    members_at_start + entered_from_below + entered_from_above - left_upwards - left_downwards
    <> members_at_end
    or members_before <> members_at_start
