-- The newest passages that a `tsquery` finds, of those from `lowest` up to `below`.
, found as materialized (
    select passages.place
    from passages
    where passages.terms @@ (select given.query::tsquery from given)
        -- Not by the index over places: only the one over terms knows how many there are.
        and passages.place + 0 < (select given.below from given)
        and passages.place + 0 >= (select given.lowest from given)
),
newest as materialized (
    select found.place from found order by found.place desc limit (select given.fetch from given)
)
select passages.place, articles.id, articles.revision, articles.slug, articles.title, articles.questions, coalesce(passages.heading, ''),
    passages.lead, passages.text
from newest
join passages on passages.place = newest.place
join articles on articles.id = passages.article_id
order by passages.place desc
