-- What the service asks Postgres for one article: its own statements, sent together as it sends them, with values in place
-- of `$1`. The bench looks at what the service really sends and says so if it is not this any more.
\set turn (:turn + 1)
\set n ((:turn * :clients + :client_id) % :clones * :step + 1)
\startpipeline
SELECT "articles"."id", "articles"."slug", "articles"."locale", "articles"."revision", "articles"."title", "articles"."questions", "articles"."summary", "articles"."topics", "articles"."characters", "articles"."reading_minutes", "articles"."published_at", "articles"."updated_at", "articles"."hash", "articles"."source", 
"withdrawals"."reason",
CASE WHEN (:yes) THEN ("article_bodies"."toc") END,
CASE WHEN (:yes) THEN ("article_bodies"."lead_html") END,
CASE WHEN (:yes) THEN ("article_bodies"."sections_html") END,
CASE WHEN (:no) THEN ("article_bodies"."content") END,
CASE WHEN (:yes) THEN ((
    select jsonb_object_agg(
        concat_ws('#', links.target_slug, written.fragment),
        concat_ws(
            '#',
            target.slug,
            case when written.fragment is not null then coalesce(present.anchor, written.fragment) end
        )
    )
    from links
    join addresses on addresses.slug = links.target_slug
    join articles as target on target.id = addresses.article_id
    left join lateral (
        select sections.anchor
        from section_addresses
        join sections on sections.id = section_addresses.section_id and sections.removed_at is null
        where section_addresses.article_id = target.id and section_addresses.reference = links.target_fragment
    ) as present on links.target_fragment is not null
    -- A fragment that no section could have is left as it is, behind the slug of today.
    cross join lateral (values (null), (links.target_fragment)) as written (fragment)
    where links.article_id = articles.id and links.kind = 'linked'
        and (target.slug <> links.target_slug or present.anchor <> links.target_fragment)
        and (written.fragment is not null or target.slug <> links.target_slug)
)
) END 
FROM ((("addresses" LEFT OUTER JOIN "articles" ON ("articles"."id" = "addresses"."article_id")) LEFT OUTER JOIN "article_bodies" ON ("article_bodies"."article_id" = "addresses"."article_id")) LEFT OUTER JOIN "withdrawals" ON ("withdrawals"."article_id" = "addresses"."article_id"))
WHERE ("addresses"."slug" = ('article-' || :n)) LIMIT :one;
with given as (select ('article-' || :n) as slug, null::uuid as id, :related::bigint as fetch, null::bigint as after_rank, :zero::float8 as after_major, :zero::float8 as after_minor, ''::text as after_tie) -- Related reading of one article, with why each item stands there; see related.rs for the rule. Always answers at least
-- one row while the article is published: one without an item tells its revision.
, target as materialized (
    select articles.id, articles.slug, articles.revision, articles.likeness
    from given
    join articles on articles.id = coalesce(
        given.id,
        (select addresses.article_id from addresses where addresses.slug = given.slug)
    )
),
-- What links say, in the order of the reasons. Identities first: what an item looks like is fetched once for each.
led as (
    -- 1 editorial: the editor's order; 2 linked: the order of the links in the text
    select case links.kind when 'editorial' then 1 else 2 end as rank, links.position::float8 as major,
        addresses.article_id, links.url, links.title, links.reason
    from target
    join links on links.article_id = target.id
    left join addresses on addresses.slug = links.target_slug
    union all
    -- 3 linked from
    select 3, null, links.article_id, null, null, null
    from target
    join addresses on addresses.article_id = target.id
    join links on links.target_slug = addresses.slug
),
-- Each once, for its best reason; never the article itself.
nearest as materialized (
    select best.rank,
        -- 3 linked from: the newest first
        coalesce(best.major, -extract(epoch from articles.published_at)::float8) as major,
        best.article_id, best.url, coalesce(articles.title, best.title) as title, best.reason, articles.slug,
        articles.summary
    from (
        select distinct on (led.article_id, led.url) led.*
        from led
        where led.article_id is distinct from (select target.id from target)
        order by led.article_id, led.url, led.rank, led.major
    ) as best
    left join articles on articles.id = best.article_id
    where best.url is not null or articles.id is not null
),
own_topics as materialized (
    select article_topics.topic_slug
    from target
    join article_topics on article_topics.article_id = target.id
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
shared as materialized (
    -- 4 shared topics: the mean of Jaccard's index of the two sets of topics and of the likeness, then the newest first
    select 4 as rank, -overlap.score as major, -extract(epoch from articles.published_at)::float8 as minor,
        articles.id::text as tie, articles.id as article_id, null::text as url, articles.title, null::text as reason,
        articles.slug, articles.summary, overlap.score, articles.topics
    from neighbours
    join articles on articles.id = neighbours.article_id
    cross join target
    cross join lateral (
        select round(
            (
                neighbours.shared::float8
                    / ((select count(*) from own_topics) + jsonb_array_length(articles.topics) - neighbours.shared)
                + greatest(0, 1 - bit_count(articles.likeness # target.likeness) / 256.0)
            )::numeric / 2, 6
        )::float8 as score
    ) as overlap
    where neighbours.article_id <> target.id
        and not exists (select from nearest where nearest.article_id = neighbours.article_id)
        -- They come last: nobody looks for them while the links alone fill the page.
        and (
            select count(*)
            from nearest, given
            where given.after_rank is null
                or (nearest.rank, nearest.major, 0, coalesce(nearest.article_id::text, nearest.url))
                    > (given.after_rank, given.after_major, given.after_minor, given.after_tie)
        ) < (select given.fetch from given)
),
candidates as (
    select nearest.rank, nearest.major, 0::float8 as minor, coalesce(nearest.article_id::text, nearest.url) as tie,
        nearest.article_id, nearest.url, nearest.title, nearest.reason, nearest.slug, nearest.summary,
        null::float8 as score, null::jsonb as topics
    from nearest
    union all
    select shared.* from shared
),
numbered as (
    select candidates.*,
        row_number() over (order by candidates.rank, candidates.major, candidates.minor, candidates.tie) as position
    from candidates
)
select target.id, target.slug, target.revision, array(select own_topics.topic_slug from own_topics), item.position, item.rank, item.major, item.minor, item.tie, item.slug,
    item.url, item.title, item.summary, item.reason, item.score,
    -- Only for what is shown.
    (
        select jsonb_agg(topic -> 'name' order by place)
        from jsonb_array_elements(item.topics) with ordinality as listed (topic, place)
        where topic ->> 'slug' in (select own_topics.topic_slug from own_topics)
    ) as shared,
    item.article_id
from target
left join lateral (
    select numbered.*
    from numbered, given
    where given.after_rank is null
        or (numbered.rank, numbered.major, numbered.minor, numbered.tie)
            > (given.after_rank, given.after_major, given.after_minor, given.after_tie)
    order by numbered.position
    limit (select given.fetch from given)
) as item on true
order by item.position;
\endpipeline
