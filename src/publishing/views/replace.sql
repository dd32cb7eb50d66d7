-- Replaces the list by the computed one.
with gone as (
    delete from hot
    where not exists (select from fresh where fresh.span = hot.span and fresh.article_id = hot.article_id)
)
insert into hot (span, article_id, views, score, computed_at)
select fresh.span, fresh.article_id, fresh.views, fresh.score, now()
from fresh
-- An article may have been removed since the computation; the publishing lock prevents more removals.
join articles on articles.id = fresh.article_id
on conflict (span, article_id)
    do update set views = excluded.views, score = excluded.score, computed_at = excluded.computed_at
