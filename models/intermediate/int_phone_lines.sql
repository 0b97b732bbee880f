with

contact_phones as (

    select * from {{ ref("int_contact_phones") }}

),

phone_lines as (

    select * from {{ ref("phone_lines") }}

),

line_types as (

    select * from {{ ref("line_types") }}

),

numbers as (

    select
        phone_e164,
        substr(phone_e164, 2, 7) as beginning
    from contact_phones

),

typed as (

    select
        numbers.phone_e164,
        coalesce(
            {%- for length in range(7, 0, -1) %}
            lines_{{ length }}.line_type{{ "," if not loop.last }}
            {%- endfor %}
        ) as line_type
    from numbers
    left join phone_lines as lines_1 on substr(numbers.beginning, 1, 1) = lines_1.phone_prefix
    {%- for length in range(7, 1, -1) %}
    left join phone_lines as lines_{{ length }}
        on substr(numbers.beginning, 1, {{ length }}) = lines_{{ length }}.phone_prefix
    {%- endfor %}

),

int_phone_lines as (

    select
        typed.phone_e164,
        typed.line_type,
        line_types.is_textable
    from typed
    inner join line_types on typed.line_type = line_types.line_type

)

select * from int_phone_lines
