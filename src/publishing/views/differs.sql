-- Whether readers would see another list. Where nothing was read and no bucket went out of a window, all scores only lost the
-- same part with time, and the order is what it was. What is older than any number can tell is another list.
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
