-- The hot list: pins in their order, then the most viewed articles, then the newest.
, pinned as materialized (
    select 1 as rank, pins.position::float8 as order_key, articles.id, articles.slug, articles.title, articles.summary,
        pins.reason, null::bigint as views, null::timestamptz as computed_at
    from given
    cross join pins
    join articles on articles.id = pins.article_id
    where (given.after_rank is null or (given.after_rank = 1 and pins.position > given.after_order_key))
        and (
            given.topic is null
            or exists (
                select from article_topics
                where article_topics.article_id = articles.id and article_topics.topic_slug = given.topic
            )
        )
    order by pins.position
    limit (select given.fetch from given)
),
-- Without a topic along the index of scores; with a topic from its articles.
listed as (
    select * from (
        select hot.score, hot.article_id, hot.views, hot.computed_at
        from given
        join hot on hot.span = given.span
            and hot.score <= case given.after_rank when 2 then given.after_order_key else 'infinity' end
        where given.topic is null
            and (given.after_rank is distinct from 2 or hot.score < given.after_order_key or hot.article_id > given.after_id)
            and not exists (select from pins where pins.article_id = hot.article_id)
        order by hot.score desc, hot.article_id
        limit (select case when given.topic is null and coalesce(given.after_rank, 0) <= 2 then given.fetch else 0 end from given)
    ) as of_all
    union all
    select * from (
        select hot.score, hot.article_id, hot.views, hot.computed_at
        from given
        join article_topics on article_topics.topic_slug = given.topic
        join hot on hot.span = given.span and hot.article_id = article_topics.article_id
        where (
                given.after_rank is distinct from 2
                or (-hot.score, hot.article_id) > (-given.after_order_key, given.after_id)
            )
            and not exists (select from pins where pins.article_id = hot.article_id)
        order by hot.score desc, hot.article_id
        limit (select case when given.topic is not null and coalesce(given.after_rank, 0) <= 2 then given.fetch else 0 end from given)
    ) as of_topic
),
viewed as materialized (
    select 2 as rank, listed.score as order_key, articles.id, articles.slug, articles.title, articles.summary,
        null::text as reason, listed.views, listed.computed_at
    from listed
    join articles on articles.id = listed.article_id
),
recent as (
    select 3 as rank, round(extract(epoch from articles.published_at) * 1000000)::float8 as order_key, articles.id,
        articles.slug, articles.title, articles.summary, null::text as reason, null::bigint as views,
        null::timestamptz as computed_at
    from articles
    where (articles.published_at, articles.id) < (
            select
                case when given.after_rank = 3
                    then to_timestamp(0) + given.after_order_key * interval '1 microsecond' else 'infinity' end,
                coalesce(given.after_id, '00000000-0000-0000-0000-000000000000')
            from given
        )
        and not exists (select from pins where pins.article_id = articles.id)
        and not exists (select from hot, given where hot.span = given.span and hot.article_id = articles.id)
        and (
            (select given.topic is null from given)
            or exists (
                select from article_topics, given
                where article_topics.article_id = articles.id and article_topics.topic_slug = given.topic
            )
        )
    order by articles.published_at desc, articles.id desc
    -- Only as many as the other rules leave free.
    limit (select greatest(0, given.fetch - (select count(*) from pinned) - (select count(*) from viewed)) from given)
)
select item.rank, item.order_key, item.id, item.slug, item.title, item.summary, item.reason, item.views, item.computed_at
from (select * from pinned union all select * from viewed union all select * from recent) as item
order by item.rank, case item.rank when 1 then item.order_key else -item.order_key end,
    case item.rank when 2 then item.id end, item.id desc
limit (select given.fetch from given)
