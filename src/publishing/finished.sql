-- Whole articles as they were answered. It waits for nobody who publishes, and holds up nobody who does: it locks no row but
-- its own.
insert into finished_articles (article_id, build, sequence, tags, body)
select made.id, given.build, made.sequence, string_to_array(made.joined, ' '), made.body
from given
cross join lateral unnest(given.ids, given.sequences, given.times, given.joined, given.bodies)
    as made (id, sequence, micros, joined, body)
-- One row at a time, by the index, however the number of rows is guessed: the place is in this log, and the article is there.
cross join lateral (
    select from changes
    where changes.sequence = made.sequence
        and changes.at = timestamptz 'epoch' + made.micros * interval '1 microsecond'
    limit 1
) as place
cross join lateral (select from articles where articles.id = made.id limit 1) as article
-- In one order for all instances.
order by made.id
on conflict (article_id) do update
    set build = excluded.build, sequence = excluded.sequence, tags = excluded.tags, body = excluded.body
    where finished_articles.build <> excluded.build or finished_articles.sequence < excluded.sequence
