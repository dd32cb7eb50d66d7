-- The newest passages that match a `tsquery`, from `lowest` up to `below`, until their text reaches a size.
, found as materialized (
    select passages.place
    from passages
    -- Two conditions, not one `tsquery`: the index then reads the posting lists of terms only within the bucket. One query
    -- would read the complete list of every term that is rarer than the bucket.
    where passages.terms @@ (select given.bucket::tsquery from given)
        and passages.terms @@ (select given.query::tsquery from given)
        -- `+ 0` avoids the index over places: only the index over terms can estimate the number of matches.
        and passages.place + 0 < (select given.below from given)
        and passages.place + 0 >= (select given.lowest from given)
),
newest as materialized (
    select found.place from found order by found.place desc limit (select given.fetch from given)
),
measured as (
    select passages.*,
        sum(octet_length(passages.lead) + octet_length(passages.text)) over (order by passages.place desc)
            - octet_length(passages.lead) - octet_length(passages.text) as before
    from newest
    join passages on passages.place = newest.place
)
select measured.place, articles.id, articles.revision, articles.slug, articles.title, articles.questions,
    coalesce(measured.heading, ''), measured.lead, measured.text
from measured
join articles on articles.id = measured.article_id
where measured.before < (select given.text from given)
order by measured.place desc
