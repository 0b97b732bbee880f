-- Failure means a window that opens too early or closes too late for a rule of one of its regions,
-- on one of its clocks, or lies on a day that the rule forbids: read back from UTC, rule by rule.
with

places as (

    select distinct
        place_id,
        region_set,
        zone_set
    from {{ ref("int_contact_places") }}

),

clocks as (

    select
        windows.place_id,
        windows.message_class,
        places.region_set,
        time_zones.time_zone,
        rules.rule_id,
        rules.is_holiday_allowed,
        rules.mon_fri_start,
        rules.mon_fri_end,
        rules.sat_start,
        rules.sat_end,
        rules.sun_start,
        rules.sun_end,
        rules.effective_from,
        rules.effective_to,
        {{ local_time("windows.opens_at", "time_zones.time_zone") }} as local_opens_at,
        {{ local_time("windows.closes_at", "time_zones.time_zone") }} as local_closes_at
    from {{ ref("int_place_send_windows") }} as windows
    inner join places on windows.place_id = places.place_id
    inner join {{ ref("sms_rules") }} as rules
        on
            windows.message_class = rules.message_class
            and (
                rules.region_code = 'ALL'
                or {{ is_in_list("rules.region_code", "places.region_set") }}
            )
    inner join {{ ref("time_zones") }} as time_zones
        on
            {{ is_in_list("time_zones.time_zone", "places.zone_set") }}
            or rules.clock_zone = time_zones.time_zone

),

hours as (

    select
        *,
        cast(local_opens_at as date) as local_date,
        case
            when {{ iso_dow("local_opens_at") }} = 6 then sat_start
            when {{ iso_dow("local_opens_at") }} = 7 then sun_start
            else mon_fri_start
        end as first_time,
        case
            when {{ iso_dow("local_opens_at") }} = 6 then sat_end
            when {{ iso_dow("local_opens_at") }} = 7 then sun_end
            else mon_fri_end
        end as last_time
    from clocks

)

select
    hours.place_id,
    hours.message_class,
    hours.rule_id,
    hours.time_zone,
    hours.local_opens_at,
    hours.local_closes_at
from hours
left join {{ ref("public_holidays") }} as holidays
    on
        hours.local_date = holidays.holiday_on
        and {{ is_in_list("holidays.region_code", "hours.region_set") }}
where
    (hours.effective_from is null or hours.effective_from <= hours.local_date)
    and (hours.effective_to is null or hours.effective_to > hours.local_date)
    and (
        hours.first_time is null
        or hours.local_opens_at < {{ at_time("hours.local_date", "hours.first_time") }}
        or hours.local_closes_at > {{ at_time("hours.local_date", "hours.last_time") }}
        or hours.local_closes_at <= hours.local_opens_at
        or (holidays.holiday_on is not null and not hours.is_holiday_allowed)
    )
