-- Merges the oldest buckets of a span into those of the next. `of`: the span; `before`: the time before which buckets are old;
-- `into`: the next span; `start`: the begin of its bucket.
with gone as (
    delete from views
    where (article_id, span, starts_at) in (
        select article_id, span, starts_at
        from views
        where span = '{of}' and starts_at < {before}
        order by starts_at, article_id
        limit {batch}
    )
    returning article_id, starts_at, count
),
put as (
    insert into views (article_id, starts_at, span, count)
    select article_id, {start}, '{into}', sum(count)
    from gone
    group by 1, 2
    order by 1, 2
    on conflict (article_id, span, starts_at) do update set count = views.count + excluded.count
)
select count(*) as moved from gone
