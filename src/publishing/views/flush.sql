-- Adds counts to the hourly buckets; skips those without a document.
insert into views (article_id, starts_at, span, count)
select read.id, to_timestamp(read.hour * 3600), 'hour', read.count
from given
cross join lateral unnest(given.ids, given.hours, given.counts) as read (id, hour, count)
join documents on documents.id = read.id
-- One order for all instances, so that they cannot deadlock.
order by read.id, read.hour
on conflict (article_id, span, starts_at) do update set count = views.count + excluded.count
