-- Returns whether readers would see another list. Without new views and without a bucket that left a window, all scores only
-- decayed by the same factor, and the order is the same. A list too old for floating-point numbers counts as another one.
select exists (
    select
    from fresh
    full join hot on hot.span = fresh.span and hot.article_id = fresh.article_id
    left join (values {spans}) as spans (name, length, half_life) on spans.name = hot.span
    where hot.views is distinct from fresh.views
        or abs(
            fresh.score / (hot.score * power(2, greatest(-900, least(900, -extract(epoch from now() - hot.computed_at)::float8 / spans.half_life)))) - 1
        ) > 1e-6
) as differs
