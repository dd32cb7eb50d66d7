-- The hot list: pins in their order, then the most recent.
, pinned as (
    select 1 as rank, pins.position::bigint as place, articles.id, articles.slug, articles.title, articles.summary, pins.reason
    from given
    cross join pins
    join articles on articles.id = pins.article_id
    where (given.after_rank is null or (given.after_rank = 1 and pins.position > given.after_place))
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
recent as (
    select 2 as rank, round(extract(epoch from articles.published_at) * 1000000)::bigint as place, articles.id,
        articles.slug, articles.title, articles.summary, null::text as reason
    from articles
    where (articles.published_at, articles.id) < (
            select
                case when given.after_rank = 2
                    then to_timestamp(0) + given.after_place * interval '1 microsecond' else 'infinity' end,
                coalesce(given.after_id, '00000000-0000-0000-0000-000000000000')
            from given
        )
        and not exists (select from pins where pins.article_id = articles.id)
        and (
            (select given.topic is null from given)
            or exists (
                select from article_topics, given
                where article_topics.article_id = articles.id and article_topics.topic_slug = given.topic
            )
        )
    order by articles.published_at desc, articles.id desc
    limit (select given.fetch from given)
)
select item.rank, item.place, item.id, item.slug, item.title, item.summary, item.reason
from (select * from pinned union all select * from recent) as item
order by item.rank, case item.rank when 1 then item.place else -item.place end, item.id desc
limit (select given.fetch from given)
