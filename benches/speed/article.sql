-- What the service asks Postgres for one article that was read before: its own statement, with values in place of `$1`. The
-- bench looks at what the service really sends and says so if it is not this any more.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
with given as (select ('article-' || :n) as slug, null::uuid as id, :build::text as build)
-- The end of the log as this snapshot sees it, and the article where a finished one holds in it. No row for an empty log.
select newest.sequence, newest.at, known.tags, known.body
from given
cross join lateral (select sequence, at from changes order by sequence desc limit 1) as newest
left join lateral (
    select finished_articles.tags, finished_articles.body
    from finished_articles
    where finished_articles.article_id = coalesce(given.id, (select articles.id from articles where articles.slug = given.slug))
        and finished_articles.build = given.build
        and not exists (
            select from tag_changes
            where tag_changes.tag = any (finished_articles.tags) and tag_changes.sequence > finished_articles.sequence
        )
) as known on true;
