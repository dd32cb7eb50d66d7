-- Whole articles as they were answered. Waits for nobody who publishes: an article that is being moved or taken away is
-- passed over.
, made as (
    select listed.*, string_to_array(listed.joined, ' ') as tags
    from given
    cross join lateral unnest(given.ids, given.sequences, given.times, given.joined, given.bodies)
        as listed (id, sequence, micros, joined, body)
),
present as materialized (
    select articles.id from articles where articles.id in (select made.id from made) for key share skip locked
)
insert into finished_articles (article_id, build, sequence, tags, body)
select made.id, given.build, made.sequence, made.tags, made.body
from given
cross join made
join present on present.id = made.id
-- The place is in this log.
join changes on changes.sequence = made.sequence and changes.at = timestamptz 'epoch' + made.micros * interval '1 microsecond'
-- In one order for all instances.
order by made.id
on conflict (article_id) do update
    set build = excluded.build, sequence = excluded.sequence, tags = excluded.tags, body = excluded.body
    where finished_articles.build <> excluded.build or finished_articles.sequence < excluded.sequence
