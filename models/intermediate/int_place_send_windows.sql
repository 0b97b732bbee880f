with

contact_places as (

    select * from {{ ref("int_contact_places") }}

),

region_zone_windows as (

    select * from {{ ref("int_region_zone_windows") }}

),

sms_rules as (

    select * from {{ ref("sms_rules") }}

),

time_zones as (

    select * from {{ ref("time_zones") }}

),

bounds as (

    select
        {{ time_plus(at_time(as_of_date(), "'00:00'"), parameter("send_lead_hours"), "hour") }}
            as ready_at,
        {{ time_plus(
            at_time(as_of_date(), "'00:00'"),
            "24 * " ~ parameter("send_window_horizon_days"),
            "hour"
        ) }} as horizon_at

),

places as (

    select distinct
        place_id,
        region_set,
        zone_set
    from contact_places
    where zone_set is not null

),

classes as (

    select distinct message_class from sms_rules

),

-- Every clock on which the moment must be a legal one.
clocks as (

    select
        places.place_id,
        places.region_set,
        classes.message_class,
        time_zones.time_zone,
        'recipient' as clock_of
    from places
    cross join classes
    inner join time_zones on {{ is_in_list("time_zones.time_zone", "places.zone_set") }}

    union all

    select
        places.place_id,
        places.region_set,
        sms_rules.message_class,
        sms_rules.clock_zone as time_zone,
        sms_rules.rule_id as clock_of
    from places
    inner join sms_rules on {{ is_in_list("sms_rules.region_code", "places.region_set") }}
    where
        sms_rules.clock_zone is not null
        and (sms_rules.effective_from is null or sms_rules.effective_from <= {{ as_of_date() }})
        and (sms_rules.effective_to is null or sms_rules.effective_to > {{ as_of_date() }})

),

clock_counts as (

    select
        place_id,
        message_class,
        count(*) as clocks
    from clocks
    group by place_id, message_class

),

windows as (

    select
        clocks.place_id,
        clocks.message_class,
        region_zone_windows.opens_at,
        region_zone_windows.closes_at
    from clocks
    inner join region_zone_windows
        on
            clocks.region_set = region_zone_windows.region_set
            and clocks.message_class = region_zone_windows.message_class
            and clocks.time_zone = region_zone_windows.time_zone
            and clocks.clock_of = region_zone_windows.clock_of
    cross join bounds
    where region_zone_windows.closes_at > bounds.ready_at

),

-- A window that is legal on all clocks begins where one of theirs does.
openings as (

    select distinct
        windows.place_id,
        windows.message_class,
        greatest(windows.opens_at, bounds.ready_at) as opens_at
    from windows
    cross join bounds
    where windows.opens_at < bounds.horizon_at

),

common as (

    select
        openings.place_id,
        openings.message_class,
        openings.opens_at,
        count(*) as clocks,
        min(windows.closes_at) as closes_at
    from openings
    inner join windows
        on
            openings.place_id = windows.place_id
            and openings.message_class = windows.message_class
            and openings.opens_at >= windows.opens_at
            and openings.opens_at < windows.closes_at
    group by openings.place_id, openings.message_class, openings.opens_at

),

ranked as (

    select
        common.place_id,
        common.message_class,
        common.opens_at,
        common.closes_at,
        row_number() over (
            partition by common.place_id, common.message_class
            order by common.opens_at
        ) as place_in_time
    from common
    inner join clock_counts
        on
            common.place_id = clock_counts.place_id
            and common.message_class = clock_counts.message_class
            and common.clocks = clock_counts.clocks
    where
        common.closes_at
        >= {{ time_plus("common.opens_at", parameter("send_window_least_minutes"), "minute") }}

),

int_place_send_windows as (

    select
        place_id,
        message_class,
        opens_at,
        closes_at
    from ranked
    where place_in_time = 1

)

select * from int_place_send_windows
