-- The newest passages that a `tsquery` finds, of those from `lowest` up to `below`; no more of them than have so much text
-- together, but for the last.
, found as materialized (
    select passages.place
    from passages
    -- Two conditions, not one query: so the index looks at a list of terms only where the block is. In one query it would read
    -- the list of every term that is rarer than the block from end to end.
    where passages.terms @@ (select given.block::tsquery from given)
        and passages.terms @@ (select given.query::tsquery from given)
        -- Not by the index over places: only the one over terms knows how many there are.
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
