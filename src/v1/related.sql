-- Related reading of one article, each item with its reason; related.rs states the rules. Returns at least one row if the
-- article is published: a row without an item gives its revision.
, target as materialized (
    select articles.id, articles.slug, articles.revision, articles.likeness
    from given
    join articles on articles.id = coalesce(
        given.id,
        (select addresses.article_id from addresses where addresses.slug = given.slug)
    )
),
-- Targets of links, in the order of the rules. Ids first: titles and summaries are joined once for each item.
linked as (
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
-- Each item once, for its first rule; never the article itself.
nearest as materialized (
    select best.rank,
        -- 3 linked from: the newest first
        coalesce(best.major, -extract(epoch from articles.published_at)::float8) as major,
        best.article_id, best.url, coalesce(articles.title, best.title) as title, best.reason, articles.slug,
        articles.summary
    from (
        select distinct on (linked.article_id, linked.url) linked.*
        from linked
        where linked.article_id is distinct from (select target.id from target)
        order by linked.article_id, linked.url, linked.rank, linked.major
    ) as best
    left join articles on articles.id = best.article_id
    where best.url is not null or articles.id is not null
),
own_topics as materialized (
    select article_topics.topic_slug
    from target
    join article_topics on article_topics.article_id = target.id
),
-- The newest 50 articles of each shared topic: enough to fill any page, and bounded for a topic of any size.
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
    -- 4 shared topics: the mean of the Jaccard index of the topics and of the likeness, then the newest first
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
        -- Shared topics come last: skip them while links fill the page.
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
select target.id, target.slug, target.revision, array(select own_topics.topic_slug from own_topics),
    item.position, item.rank, item.major, item.minor, item.tie, item.slug,
    item.url, item.title, item.summary, item.reason, item.score,
    -- Only for the items of this page.
    (
        select jsonb_agg(topic -> 'name' order by ordinal)
        from jsonb_array_elements(item.topics) with ordinality as listed (topic, ordinal)
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
order by item.position
