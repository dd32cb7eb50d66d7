-- What the service asks Postgres for one article: its own statements, sent together as it sends them, with values in place
-- of `$1`. The bench looks at what the service really sends and says so if it is not this any more.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
\startpipeline
SELECT "articles"."id", "articles"."slug", "articles"."locale", "articles"."revision", "articles"."title", "articles"."questions", "articles"."summary", "articles"."topics", "articles"."characters", "articles"."reading_minutes", "articles"."published_at", "articles"."updated_at", "articles"."hash", "articles"."source", 
"withdrawals"."reason", (SELECT "changes"."at" FROM "changes" ORDER BY "changes"."sequence" DESC LIMIT :one),
CASE WHEN (:yes) THEN ("article_bodies"."toc") END,
CASE WHEN (:yes) THEN ("article_bodies"."lead_html") END,
CASE WHEN (:yes) THEN ("article_bodies"."sections_html") END,
CASE WHEN (:no) THEN ("article_bodies"."content") END,
CASE WHEN (:yes) THEN ((
    select jsonb_object_agg(
        concat_ws('#', linked.slug, linked.fragment),
        concat_ws('#', target.slug, coalesce(sections.anchor, linked.fragment))
    )
    from (
        select links.target_slug as slug, links.target_fragment as fragment
        from links
        where links.article_id = articles.id and links.kind = 'linked'
        union
        -- A fragment that no section could have is left as it is, behind the slug of today.
        select links.target_slug, null
        from links
        where links.article_id = articles.id and links.kind = 'linked'
    ) as linked
    join addresses on addresses.slug = linked.slug
    join articles as target on target.id = addresses.article_id
    left join section_addresses
        on section_addresses.article_id = target.id and section_addresses.reference = linked.fragment
    left join sections on sections.id = section_addresses.section_id and sections.removed_at is null
    where target.slug <> linked.slug or sections.anchor <> linked.fragment
)
) END 
FROM ((("addresses" LEFT OUTER JOIN "articles" ON ("articles"."id" = "addresses"."article_id")) LEFT OUTER JOIN "article_bodies" ON ("article_bodies"."article_id" = "addresses"."article_id")) LEFT OUTER JOIN "withdrawals" ON ("withdrawals"."article_id" = "addresses"."article_id"))
WHERE ("addresses"."slug" = ('article-' || :n)) LIMIT :one;
with given as (select ('article-' || :n) as slug, null::uuid as id, :related::bigint as fetch, null::bigint as after_rank, :zero::float8 as after_major, :zero::float8 as after_minor, ''::text as after_tie) -- Related reading of one article, with why each item stands there; see related.rs for the rule. Always answers at least
-- one row while the article is published: one without an item tells its revision.
, target as (
    select articles.id, articles.slug, articles.revision
    from given
    join addresses on addresses.slug = given.slug
    join articles on articles.id = addresses.article_id
    where given.id is null
    union all
    select articles.id, articles.slug, articles.revision from given join articles on articles.id = given.id
),
own_topics as (
    select article_topics.topic_slug
    from target join article_topics on article_topics.article_id = target.id
),
-- Of each shared topic the newest 50 articles: enough to fill any page, and bounded however large a topic grows.
neighbours as (
    select newest.article_id, count(*) as shared
    from own_topics
    cross join lateral (
        select article_topics.article_id
        from article_topics
        where article_topics.topic_slug = own_topics.topic_slug
        order by article_topics.published_at desc, article_topics.article_id desc
        limit 50
    ) as newest
    group by newest.article_id
),
candidates as (
    -- 1 editorial: the editor's order
    select 1 as rank, links.position::float8 as major, 0::float8 as minor, addresses.article_id, links.url, links.title,
        links.reason, null::float8 as score, '[]'::jsonb as shared
    from target
    join links on links.article_id = target.id and links.kind = 'editorial'
    left join addresses on addresses.slug = links.target_slug
    where links.url is not null or addresses.article_id is not null
    union all
    -- 2 linked: the order of the links in the text
    select 2, links.position, 0, addresses.article_id, null, null, null, null, '[]'
    from target
    join links on links.article_id = target.id and links.kind = 'linked'
    join addresses on addresses.slug = links.target_slug
    union all
    -- 3 linked from: the newest first
    select 3, -extract(epoch from articles.published_at)::float8, 0, articles.id, null, null, null, null, '[]'
    from target
    join addresses on addresses.article_id = target.id
    join links on links.target_slug = addresses.slug
    join articles on articles.id = links.article_id
    union all
    -- 4 shared topics: Jaccard's index of the two sets of topics, then the newest first
    select 4, -overlap.score, -extract(epoch from articles.published_at)::float8, articles.id, null, null, null,
        overlap.score, overlap.shared
    from neighbours
    join articles on articles.id = neighbours.article_id
    cross join lateral (
        select
            neighbours.shared::float8
                / ((select count(*) from own_topics) + jsonb_array_length(articles.topics) - neighbours.shared) as score,
            (
                select jsonb_agg(topic -> 'name' order by place)
                from jsonb_array_elements(articles.topics) with ordinality as listed (topic, place)
                where topic ->> 'slug' in (select own_topics.topic_slug from own_topics)
            ) as shared
    ) as overlap
),
-- Each item once, for its best reason; never the article itself.
best as (
    select distinct on (coalesce(candidates.article_id::text, candidates.url)) candidates.*,
        coalesce(candidates.article_id::text, candidates.url) as tie
    from candidates
    where not exists (select from target where target.id = candidates.article_id)
    order by coalesce(candidates.article_id::text, candidates.url), rank, major, minor
),
numbered as (
    select best.*, articles.slug, coalesce(articles.title, best.title) as shown, articles.summary,
        row_number() over (order by best.rank, best.major, best.minor, best.tie) as position
    from best
    left join articles on articles.id = best.article_id
    where best.url is not null or articles.id is not null
)
select target.id, target.slug, target.revision, item.position, item.rank, item.major, item.minor, item.tie, item.slug,
    item.url, item.shown, item.summary, item.reason, item.score, item.shared, item.article_id
from target
left join lateral (
    select numbered.*
    from numbered, given
    where given.after_rank is null
        or (numbered.rank, numbered.major, numbered.minor, numbered.tie)
            > (given.after_rank, given.after_major, given.after_minor, given.after_tie)
    order by numbered.rank, numbered.major, numbered.minor, numbered.tie
    limit (select given.fetch from given)
) as item on true
order by item.position;
\endpipeline
