-- Fills a library up to `bench.articles` articles with clones of the published ones, in all draft and published tables, as
-- if each had been published once. The existing articles stay the newest. Clone n is `article-n`.
--
-- A batch has one clone of every article. The first five digits of an id are replaced by the batch's number, so references
-- within a batch stay valid. Links in texts still go to the original article; rows of `links` go to the same batch, so that
-- no article has thousands of incoming links. Search finds no clone: the discovery suite has libraries of its own.

create function pg_temp.cloned(id uuid, batch bigint) returns uuid language sql immutable
return (lpad(to_hex(524288 + batch), 5, '0') || substr(id::text, 6))::uuid;

create temp table originals as
select articles.id, articles.slug, row_number() over (order by articles.slug) - 1 as place from articles;

create temp table clones as
select numbered.n, numbered.batch, originals.id as original, pg_temp.cloned(originals.id, numbered.batch) as id,
    'article-' || numbered.n as slug, '（' || numbered.n || '）' as suffix,
    now() - interval '1 day' - numbered.n * interval '7 minutes' as published_at
from (
    select n, (n - 1) / total.count + 1 as batch, (n - 1) % total.count as place
    from (select count(*) from originals) as total (count),
        generate_series(1, current_setting('bench.articles')::bigint - total.count) as n
) as numbered
join originals on originals.place = numbered.place;
create index on clones (original);
analyze originals, clones;

-- The first digits of the ids in texts; they must be the same in the whole library, or it cannot be cloned.
create temp table mark as
select distinct '"id":"' || left(ids.id::text, 5) as old
from (select id from sections union all select id from articles) as ids;
create unique index on mark ((true));

-- The trigger slows down with each change in one transaction, so it is replaced by one statement at the end.
alter table changes disable trigger note_tags;

-- The change log is in the order of time: the existing articles come last.
update changes set sequence = sequence + (select count(*) from clones) + 1000, at = at - interval '1 minute';

insert into documents (id, slug, created_at)
select id, slug, published_at from clones order by n;

insert into revisions (document_id, number, state, content, section_ids, hash, created_by, created_at)
select clones.id, 1, 'live',
    revisions.content || jsonb_build_object('slug', clones.slug, 'title', (revisions.content ->> 'title') || clones.suffix),
    array(
        select pg_temp.cloned(listed.id, clones.batch)
        from unnest(revisions.section_ids) with ordinality as listed (id, place) order by listed.place
    ),
    md5(revisions.hash || clones.n), revisions.created_by, clones.published_at
from clones
join revisions on revisions.document_id = clones.original and revisions.state = 'live'
order by clones.n;

insert into articles (id, slug, locale, revision, title, title_key, questions, summary, topics, characters,
    reading_minutes, published_at, updated_at, hash, source, renderer, ordinal, likeness)
select clones.id, clones.slug, locale, 1, title || clones.suffix, title_key || clones.suffix, questions, summary, topics,
    characters, reading_minutes, clones.published_at,
    clones.published_at + (now() - interval '1 day' - clones.published_at) * (clones.n * 7919 % 997 / 997.0),
    md5(hash || clones.n), source, renderer, last.ordinal + clones.n, likeness
from clones
cross join (select max(ordinal) from articles) as last (ordinal)
join articles on articles.id = clones.original
order by clones.n;

insert into article_bodies (article_id, toc, lead_html, sections_html, content)
select clones.id, replace(toc, mark.old, fresh.id), lead_html, replace(sections_html, mark.old, fresh.id),
    replace(content, mark.old, fresh.id)
from clones
join article_bodies on article_bodies.article_id = clones.original
cross join mark
cross join lateral (select '"id":"' || left(clones.id::text, 5)) as fresh (id)
order by clones.n;

insert into article_topics (article_id, topic_slug, position, published_at)
select clones.id, topic_slug, position, clones.published_at
from clones
join article_topics on article_topics.article_id = clones.original;

insert into addresses (slug, article_id)
select slug, id from clones;

insert into sections (id, article_id, anchor, title, hash, removed_at)
select pg_temp.cloned(sections.id, clones.batch), clones.id, anchor, title, hash, removed_at
from clones
join sections on sections.article_id = clones.original
order by clones.n;

insert into section_addresses (article_id, reference, section_id)
select clones.id, reference, pg_temp.cloned(section_id, clones.batch)
from clones
join section_addresses on section_addresses.article_id = clones.original
order by clones.n;

insert into links (article_id, kind, position, target_slug, target_fragment, url, title, reason)
select clones.id, kind, position,
    'article-' || ((clones.batch - 1) * (select count(*) from originals) + target.place + 1),
    target_fragment, url, title, reason
from clones
join links on links.article_id = clones.original
left join originals as target on target.slug = links.target_slug
where links.url is not null or target.slug is not null;

insert into changes (sequence, type, article_id, slug, revision, hash, sections_changed, tags, at)
select (select count(*) from clones) - clones.n + 1, 'published', clones.id, clones.slug, 1, md5(hash || clones.n),
    array(select pg_temp.cloned(section, clones.batch) from unnest(sections_changed) as section),
    array(
        select case when tag like 'article:%' then 'article:' || pg_temp.cloned(substr(tag, 9)::uuid, clones.batch) else tag end
        from unnest(tags) as tag
    ),
    clones.published_at
from clones
join changes on changes.article_id = clones.original and changes.type = 'published'
order by clones.n desc;

-- Stored responses and tags have positions of the log before the clones.
truncate stored_responses, tag_changes;
insert into tag_changes (tag, sequence)
select tag, max(sequence) from changes cross join unnest(tags) as tag group by tag;
alter table changes enable trigger note_tags;
