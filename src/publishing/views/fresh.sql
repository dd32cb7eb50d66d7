-- What every article is worth in each window now, by the formula of `views::Window`; held back from readers until it is told.
create temporary table fresh on commit drop as
select spans.name as span, read.article_id, sum(read.count)::bigint as views,
    round(
        sum(read.count * power(2, -extract(epoch from now() - read.middle)::float8 / spans.half_life))::numeric, 9
    )::float8 as score
from (values {spans}) as spans (name, length, half_life)
join (
    select article_id, count,
        starts_at + case span when 'hour' then interval '30 minutes' else interval '12 hours' end as middle
    from views
    where span in ('hour', 'day') and starts_at >= now() - {longest} * interval '1 second' - interval '12 hours'
) as read
    on read.middle >= now() - spans.length * interval '1 second'
    -- What an instance whose clock is wrong counted has its time yet to come.
    and read.middle <= now() + interval '1 hour'
where exists (select from articles where articles.id = read.article_id)
group by spans.name, read.article_id
having sum(read.count) >= {floor}
