with

orders as (

    select * from {{ ref("stg_orders") }}

),

customers as (

    select * from {{ ref("stg_customers") }}

),

time_zones as (

    -- A system's default tells nothing of where somebody lives.
    select * from {{ ref("time_zones") }}
    where time_zone <> 'UTC'

),

-- States and countries that know one clock only.
region_zones as (

    select * from {{ ref("region_zones") }}
    where time_zones not like '%,%'

),

channel_devices as (

    select * from {{ ref("channel_devices") }}

),

clocks as (

    select
        customers.customer_id,
        coalesce(time_zones.time_zone, of_state.time_zones, of_country.time_zones) as time_zone
    from customers
    left join time_zones on customers.time_zone = time_zones.time_zone
    left join region_zones as of_state
        on
            case
                when customers.region_code like '__-%' then customers.region_code
                else customers.country_code || '-' || customers.region_code
            end = of_state.region_code
    left join region_zones as of_country on customers.country_code = of_country.region_code

),

placed as (

    select
        clocks.customer_id,
        coalesce(clocks.time_zone, 'UTC') as time_zone,
        lower(orders.sales_channel) as sales_channel,
        case
            when clocks.time_zone is null then orders.ordered_at
            else {{ local_time("orders.ordered_at", "clocks.time_zone") }}
        end as local_ordered_at
    from orders
    inner join clocks on orders.customer_id = clocks.customer_id
    where
        orders.status <> 'cancelled'
        and {{ is_in_last_months("orders.ordered_at", parameter("segment_window_months")) }}

),

told as (

    select
        customer_id,
        time_zone,
        sales_channel,
        extract(hour from local_ordered_at) as local_hour,
        {{ iso_dow("local_ordered_at") }} as local_weekday
    from placed

),

orders_by_hour as (

    select
        customer_id,
        time_zone,
        local_hour,
        count(*) as orders
    from told
    group by customer_id, time_zone, local_hour

),

orders_by_weekday as (

    select
        customer_id,
        local_weekday,
        count(*) as orders
    from told
    group by customer_id, local_weekday

),

-- The commonest, and of two alike the earlier: the count leads, what is left to 24 or 7 follows.
hours as (

    select
        customer_id,
        max(time_zone) as time_zone,
        sum(orders) as orders,
        max(orders * 24 + 23 - local_hour) as best
    from orders_by_hour
    group by customer_id

),

weekdays as (

    select
        customer_id,
        max(orders * 7 + 7 - local_weekday) as best
    from orders_by_weekday
    group by customer_id

),

channels as (

    select
        customer_id,
        sales_channel,
        row_number() over (
            partition by customer_id
            order by count(*) desc, sales_channel asc
        ) as place
    from told
    where sales_channel is not null
    group by customer_id, sales_channel

),

-- Of the orders that tell, so many as make a habit.
devices as (

    select
        told.customer_id,
        channel_devices.device,
        sum(count(*)) over (partition by told.customer_id) as orders,
        row_number() over (
            partition by told.customer_id
            order by count(*) desc, channel_devices.device desc
        ) as place
    from told
    inner join channel_devices on told.sales_channel = channel_devices.sales_channel
    group by told.customer_id, channel_devices.device

),

int_segment_buying_times as (

    select
        hours.customer_id,
        hours.time_zone,
        hours.orders,
        cast(23 - mod(hours.best, 24) as int) as preferred_hour,
        cast(7 - mod(weekdays.best, 7) as int) as preferred_weekday,
        channels.sales_channel as preferred_sales_channel,
        devices.device as preferred_device
    from hours
    inner join weekdays on hours.customer_id = weekdays.customer_id
    left join channels
        on
            hours.customer_id = channels.customer_id
            and channels.place = 1
    left join devices
        on
            hours.customer_id = devices.customer_id
            and devices.place = 1
            and devices.orders >= {{ parameter("preference_min_orders") }}
    where hours.orders >= {{ parameter("preference_min_orders") }}

)

select * from int_segment_buying_times
