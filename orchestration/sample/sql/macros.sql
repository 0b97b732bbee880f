-- Chance without a random generator: 64 bits of md5 over seed, stream and key. The same for the
-- same seed, whatever the order of the rows or the number of threads.
create macro dice(stream, key) as
    md5_number_lower(getvariable('seed') || ':' || stream || ':' || key);

-- The k-th of four independent numbers in (0, 1) that one throw holds.
create macro roll(throw, k) as (((throw >> (16 * k)) & 65535)::double + 0.5) / 65536;

-- A further number in (0, 1) from one already used for a coarse choice: its fine part.
create macro rest(u) as u * 64 - floor(u * 64);

-- A standard normal from the first two numbers of a throw (Box and Muller).
create macro normal(throw) as sqrt(-2 * ln(roll(throw, 0))) * cos(2 * pi() * roll(throw, 1));

-- A positive number with mean one and the given sigma of its logarithm.
create macro around_one(throw, sigma) as exp(sigma * normal(throw) - sigma * sigma / 2);

create macro pick(choices, u) as choices[1 + floor(u * len(choices))::integer];

create macro slot_of(u) as floor(u * getvariable('slots'))::integer;

create macro name_of(letter, n) as
    letter || lpad(n::varchar, getvariable('digits'), '0');

-- Cents, and hundredths of cents of the reporting currency, as the money of a file.
create macro money(cents) as (cents / 100)::decimal(18, 2);

create macro after(moment, seconds) as moment + to_seconds(seconds::bigint);

-- Every window that closes "today" leaves the last two days of events beyond the as-of date in the
-- files: they must not count.
create macro is_kept(moment) as moment < getvariable('as_of') + interval 2 day;

-- The holdout rule of the programme: where a key lies between 0 and 1 under a salt.
create macro bucket(salt, key) as
    cast('0x' || left(md5(salt || ':' || key), 8) as ubigint) / 4294967296;

-- The seat-th number of an area code or mobile prefix. In the United States and Canada 555-0100
-- comes first; 555-1212 is directory enquiries.
create macro mobile_number(country, prefix, seat) as
    case
        when country in ('US', 'CA')
            then '+1' || prefix || (555 - seat // 9899)
                || lpad(((100 + seat + (seat >= 1112)::integer) % 10000)::varchar, 4, '0')
        when country = 'DE' then '+' || prefix || (10000000 + seat)
        when country = 'MY' then '+' || prefix || (2000000 + seat)
        else '+' || prefix || lpad((123 + seat)::varchar, 6, '0')
    end;

-- The seat-th landline of a country. London 020 7946 0, Berlin 030 23125 and Sydney 02 5550, the
-- ranges kept for fiction, come first.
create macro landline_number(country, seat) as
    case country
        when 'GB' then '+442079' || (460000 + seat)
        when 'DE' then '+49302' || (3125000 + seat)
        when 'AU' then '+612' || (55500000 + seat)
    end;

-- How people write a number down.
create macro written(e164, country, style) as
    case
        when country in ('US', 'CA')
            then case style
                when 0 then '(' || e164[3:5] || ') ' || e164[6:8] || '-' || e164[9:12]
                when 1 then e164[3:5] || '-' || e164[6:8] || '-' || e164[9:12]
                when 2 then e164[3:12]
                when 3 then '+1 ' || e164[3:5] || ' ' || e164[6:8] || ' ' || e164[9:12]
                when 4 then '1.' || e164[3:5] || '.' || e164[6:8] || '.' || e164[9:12]
                else e164
            end
        else case style
            when 0 then e164[1:3] || ' ' || e164[4:7] || ' ' || e164[8:]
            when 1 then '0' || e164[4:7] || ' ' || e164[8:]
            when 2 then '0' || e164[4:]
            when 3
                then case when country = 'AU' then '0011 ' else '00' end
                    || e164[2:3] || ' ' || e164[4:]
            else e164
        end
    end;
