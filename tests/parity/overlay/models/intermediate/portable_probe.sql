{#- Every macro whose words differ between engines, on the dates and numbers where they could part. -#}
{%- set days = [
    "2023-02-28", "2023-12-31", "2024-01-01", "2024-01-31", "2024-02-29", "2024-03-31",
    "2024-06-30", "2024-09-02", "2025-02-28", "2025-10-01", "2026-03-29", "2026-06-30",
] -%}
{#- Cast to four decimals as they are, these doubles go up on one engine and down on the other. -#}
{%- set halves = ["8.21375", "9.88375", "224.64974999999998", "30.120749999999997"] -%}
{#- Unrounded, their lowest fifth ends at 105 on DuckDB and at 105.00000000000001 on Spark. -#}
{%- set gaps = [65, 92, 157, 169, 212, 285, 379] -%}
with

days as (

    {% for day in days -%}
    select
        cast('{{ day }}' as date) as day,
        cast('{{ day }} 23:59:59.999999' as timestamp) as last_instant,
        {{ loop.index }} as number,
        cast({{ loop.index }}.00005 as decimal(18, 5)) as tie,
        cast('{{ halves[loop.index0 % 4] }}' as double) as half,
        'key-{{ loop.index }}' as name
    {{ "union all" if not loop.last }}
    {% endfor %}

),

gaps as (

    {% for gap in gaps -%}
    select {{ gap }} as gap
    {{ "union all" if not loop.last }}
    {% endfor %}

),

cut as (

    select case when {{ pct("gap", 0.2) }} > 105 then 'above' else 'at' end as place_of_cut
    from gaps

),

of_all as (

    select
        {{ text_list("name") }} as names,
        {{ pct("tie", 0.5) }} as p50,
        {{ pct("number", 0.8) }} as p80
    from days

),

portable_probe as (

    select
        days.day,
        {%- for count in [-90, 1] %}
        {{ date_plus("day", count, "day") }} as days_{{ loop.index }},
        {%- endfor %}
        {%- for count in [-12, 1, 12] %}
        {{ date_plus("day", count, "month") }} as months_{{ loop.index }},
        {%- endfor %}
        {{ date_plus("day", "number - 3", "month") }} as months_by_column,
        {%- for period in ["month", "quarter", "year"] %}
        {{ period_start("day", period) }} as {{ period }}_start,
        {{ period_start("last_instant", period) }} as {{ period }}_start_of_instant,
        {%- endfor %}
        {{ days_between("last_instant", "cast('2026-07-01' as date)") }} as days_to_night,
        {{ iso_dow("day") }} as iso_dow,
        {{ leaves_rolling_months_on("day", 12) }} as leaves_rolling_year_on,
        {{ leaves_rolling_months_on("day", 1) }} as leaves_rolling_month_on,
        {%- for cadence in [
            "daily", "weekly", "monthly", "quarterly", "yearly", "every_3_months", "every_10_months"
        ] %}
        {{ cadence_on_or_after("day", "'" ~ cadence ~ "'", "cast('1899-10-31' as date)") }}
            as on_{{ cadence }},
        {%- endfor %}
        {%- for period in ["rolling_12_months", "calendar_year"] %}
        {{ qualification_window_from("'" ~ period ~ "'", "day") }} as {{ period }}_from,
        {{ leaves_window_on("'" ~ period ~ "'", "day") }} as leaves_{{ period }}_on,
        {%- endfor %}
        case when {{ is_in_last_months("last_instant", 12) }} then 1 else 0 end as is_in_year,
        {{ time_plus("last_instant", "number - 3", "hour") }} as hours_later,
        {{ time_plus("last_instant", -90, "minute") }} as minutes_earlier,
        {{ hours_between("last_instant", at_time("cast('2026-07-01' as date)", "'12:30'")) }}
            as hours_to_noon,
        {%- for zone in ["America/New_York", "Europe/Paris", "Australia/Lord_Howe"] %}
        {{ local_to_utc(at_time("day", "'08:00'"), "'" ~ zone ~ "'") }} as opens_{{ loop.index }},
        {%- endfor %}
        {{ plain_words("'  «Arrêt»\t- ' || name || ' (don’t) ...Ñandú? '") }} as words,
        {{ plain_words("'ＳＴＯＰ！\u200bE\u0301nd🛑 opt‑out\ufe0f ' || name") }} as odd_words,
        {%- for text in [
            "'\t\u00a0' || upper(name) || '@Exämple.ORG '",
            "name || '\u00a0@b.co'", "name || '\t@b.co'", "name || ' @b.co'",
            "name || '@b@c.co'", "'@b.co'", "name || '@b'", "name || '@b.'",
        ] %}
        {{ mail_address(text) }} as address_{{ loop.index }},
        {%- endfor %}
        {{ json_text("'{\"a\": \"x\", \"b\": [1]}'", "a") }} as json_value,
        {{ json_text("'[\"a\"]'", "a") }} as json_of_list,
        {{ money("tie") }} as tie_up,
        {{ money("-tie") }} as tie_down,
        {{ money_of_double("half") }} as half_up,
        {{ money_of_double(ratio("number", 8) ~ " / 1000") }} as part,
        {{ ratio("number", "number - 3") }} as ratio,
        {{ hash_bucket("'salt'", "name") }} as bucket,
        of_all.*,
        cut.place_of_cut
    from days
    cross join of_all
    cross join cut

)

select * from portable_probe
