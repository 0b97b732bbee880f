with

contact_places as (

    select * from {{ ref("int_contact_places") }}

),

sms_rules as (

    select * from {{ ref("sms_rules") }}

),

public_holidays as (

    select * from {{ ref("public_holidays") }}

),

time_zones as (

    select * from {{ ref("time_zones") }}

),

places as (

    select distinct
        place_id,
        region_set,
        zone_set
    from contact_places
    where zone_set is not null

),

region_sets as (

    select distinct region_set from places

),

rules as (

    select
        region_sets.region_set,
        sms_rules.*
    from region_sets
    inner join sms_rules
        on
            sms_rules.region_code = 'ALL'
            or {{ is_in_list("sms_rules.region_code", "region_sets.region_set") }}

),

-- Hours hold on the recipient's clock; where a state reads its own, they hold on that one as well.
clocks as (

    select distinct
        places.region_set,
        time_zones.time_zone,
        cast(null as {{ dbt.type_string() }}) as rule_id
    from places
    inner join time_zones on {{ is_in_list("time_zones.time_zone", "places.zone_set") }}

    union all

    select
        region_set,
        clock_zone as time_zone,
        rule_id
    from rules
    where clock_zone is not null

),

-- Local dates: the day before the night is still running somewhere.
calendar as (

    select {{ date_plus(as_of_date(), "number - 1", "day") }} as local_date
    from {{ whole_numbers() }} as numbers
    where number <= {{ parameter("send_window_horizon_days") }} + 1

),

days as (

    select
        local_date,
        {{ iso_dow("local_date") }} as iso_dow
    from calendar

),

holidays as (

    select distinct
        region_sets.region_set,
        public_holidays.holiday_on
    from region_sets
    inner join public_holidays
        on {{ is_in_list("public_holidays.region_code", "region_sets.region_set") }}
    inner join days on public_holidays.holiday_on = days.local_date

),

-- One row per rule, clock and day: what this rule alone would allow.
allowed as (

    select
        rules.region_set,
        rules.message_class,
        clocks.time_zone,
        coalesce(clocks.rule_id, 'recipient') as clock_of,
        days.local_date,
        case
            when holidays.holiday_on is not null and not rules.is_holiday_allowed then null
            when days.iso_dow = 6 then rules.sat_start
            when days.iso_dow = 7 then rules.sun_start
            else rules.mon_fri_start
        end as first_time,
        case
            when days.iso_dow = 6 then rules.sat_end
            when days.iso_dow = 7 then rules.sun_end
            else rules.mon_fri_end
        end as last_time
    from rules
    inner join clocks
        on
            rules.region_set = clocks.region_set
            and (clocks.rule_id is null or rules.rule_id = clocks.rule_id)
    inner join days
        on
            (rules.effective_from is null or rules.effective_from <= days.local_date)
            and (rules.effective_to is null or rules.effective_to > days.local_date)
    left join holidays
        on
            rules.region_set = holidays.region_set
            and days.local_date = holidays.holiday_on

),

-- Latest start, earliest end; a day that one of them forbids is forbidden.
strictest as (

    select
        region_set,
        message_class,
        time_zone,
        clock_of,
        local_date,
        max(first_time) as first_time,
        min(last_time) as last_time
    from allowed
    group by region_set, message_class, time_zone, clock_of, local_date
    having
        count(*) = count(first_time)
        and count(*) = count(last_time)
        and max(first_time) < min(last_time)

),

int_region_zone_windows as (

    select
        region_set,
        message_class,
        time_zone,
        clock_of,
        local_date,
        {{ local_to_utc(at_time("local_date", "first_time"), "time_zone") }} as opens_at,
        {{ local_to_utc(at_time("local_date", "last_time"), "time_zone") }} as closes_at
    from strictest

)

select * from int_region_zone_windows
