-- The score of every article in each window now, by the formula of `content::popularity::Window`.
create temporary table fresh on commit drop as
with buckets as (
    select 'hour' as span, starts_at, starts_at + interval '30 minutes' as middle
    -- Up to half an hour ahead: the clocks of instances differ.
    from generate_series(
        date_trunc('hour', now() - {longest} * interval '1 second', 'UTC'), now() + interval '30 minutes', '1 hour'
    ) as starts_at
    union all
    select 'day', starts_at, starts_at + interval '12 hours'
    from generate_series(
        date_trunc('day', now() - {longest} * interval '1 second', 'UTC') - interval '1 day', now(), '1 day'
    ) as starts_at
),
-- Once for each bucket, not for each article in it.
weights as materialized (
    select spans.name, buckets.span, buckets.starts_at,
        power(2, -extract(epoch from now() - buckets.middle)::float8 / spans.half_life) as weight
    from (values {spans}) as spans (name, length, half_life)
    join buckets on buckets.middle >= now() - spans.length * interval '1 second'
)
select weights.name as span, views.article_id, sum(views.count)::bigint as views,
    round(sum(views.count * weights.weight)::numeric, 9)::float8 as score
from weights
join views on views.span = weights.span and views.starts_at = weights.starts_at
where exists (select from articles where articles.id = views.article_id)
group by weights.name, views.article_id
having sum(views.count) >= {min_views}
