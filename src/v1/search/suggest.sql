-- Titles and questions by what they begin with, the better way of finding first.
select way.rank, completions.key, articles.id, completions.line, articles.slug, articles.title, articles.questions
from given
cross join generate_series(1, 4) as way (rank)
-- The last two go by sound.
cross join lateral (select case when way.rank <= 2 then given.typed else given.sound end as text) as sought
cross join lateral (
    select completions.key, completions.article_id, completions.line
    from completions
    where completions.rank = way.rank
        -- By the order of bytes everything that begins with the text stands between it and it with the last character.
        and completions.key >= sought.text and completions.key < sought.text || U&'\+10FFFF'
    order by completions.key, completions.article_id, completions.line
    limit (select given.fetch from given)
) as completions
join articles on articles.id = completions.article_id
order by way.rank, completions.key, completions.article_id, completions.line
