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
) as known on true
