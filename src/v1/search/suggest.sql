-- Titles and questions by prefix, in order of the kinds of prefixes.
select kind.rank, completions.key, articles.id, completions.line, articles.slug, articles.title, articles.questions
from given
cross join generate_series(1, 4) as kind (rank)
-- The last two kinds are pinyin.
cross join lateral (select case when kind.rank <= 2 then given.typed else given.pinyin end as text) as prefix
cross join lateral (
    select completions.key, completions.article_id, completions.line
    from completions
    where completions.rank = kind.rank
        -- In byte order, all keys with the prefix are between the prefix and the prefix followed by the last character.
        and completions.key >= prefix.text and completions.key < prefix.text || U&'\+10FFFF'
    order by completions.key, completions.article_id, completions.line
    limit (select given.fetch from given)
) as completions
join articles on articles.id = completions.article_id
order by kind.rank, completions.key, completions.article_id, completions.line
