with

sms_events as (

    select * from {{ ref("int_sms_event_speakers") }}

),

stop_words as (

    select * from {{ ref("sms_stop_words") }}

),

replies as (

    select
        sms_event_id,
        customer_id,
        occurred_at,
        {{ plain_words("reply_text") }} as words
    from sms_events
    where event_type = 'reply' and reply_text is not null

),

texts as (

    select distinct words from replies

),

matched as (

    select
        texts.words,
        stop_words.stop_word,
        stop_words.is_stop_alone and texts.words = stop_words.stop_word as is_stop
    from texts
    inner join stop_words
        on
            (stop_words.is_stop_alone and texts.words = stop_words.stop_word)
            or (
                stop_words.is_refusal_within
                and instr(' ' || texts.words || ' ', ' ' || stop_words.stop_word || ' ') > 0
            )

),

-- A stop word alone is a stop; of several in one text the longest tells most.
ranked as (

    select
        words,
        stop_word,
        is_stop,
        row_number() over (
            partition by words
            order by
                case when is_stop then 0 else 1 end asc,
                length(stop_word) desc,
                stop_word asc
        ) as place
    from matched

),

int_reply_verdicts as (

    select
        replies.sms_event_id,
        replies.customer_id,
        replies.occurred_at,
        case
            when ranked.is_stop then 'stop'
            when ranked.stop_word is not null then 'refusal'
            else 'other'
        end as verdict,
        ranked.stop_word
    from replies
    left join ranked on replies.words = ranked.words and ranked.place = 1

)

select * from int_reply_verdicts
