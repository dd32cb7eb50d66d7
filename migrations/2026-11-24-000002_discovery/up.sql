-- Search, completions, likeness, and view counts.

-- The order of first publication. Search reads it from the newest.
alter table articles add column ordinal bigint;
update articles set ordinal = placed.ordinal
from (select id, row_number() over (order by published_at, id) as ordinal from articles) as placed
where placed.id = articles.id;
alter table articles alter column ordinal set not null, add unique (ordinal), add check (ordinal > 0);

-- 512 bits that agree between two articles the more, the more terms their titles, questions and headings share
-- (content::search::likeness). Filled by the rebuild that a newer renderer brings.
alter table articles add column likeness bit(512) not null default repeat('0', 512)::bit(512);

-- The passages that search finds: the sections of published articles. The lead, the questions and the summary belong to the
-- first section; an article without sections has one passage without a section.
create table passages (
    -- articles.ordinal * 65,536 + the place of the section in reading order: the newest article has the highest.
    place bigint primary key,
    article_id uuid not null references articles on delete cascade,
    number text,
    anchor text,
    heading text,
    -- The summary and the text before the first heading, in the first passage; else empty.
    lead text not null,
    text text not null,
    -- The terms of content::search::terms.
    terms tsvector not null,
    -- A digest of the row: unchanged rows are not written again.
    digest bytea not null check (octet_length(digest) = 32),
    check (num_nulls(number, anchor, heading) in (0, 3))
);
create index passages_article on passages (article_id);
-- Without a pending list, which search would read entry by entry.
create index passages_terms on passages using gin (terms) with (fastupdate = off);

-- Completions: titles and questions by their beginnings.
create table completions (
    -- 1 the whole text, 2 a clause of it, 3 its pinyin, 4 the initials of its pinyin.
    rank smallint not null check (rank between 1 and 4),
    -- Folded (content::search::fold).
    key text collate "C" not null,
    article_id uuid not null references articles on delete cascade,
    -- 0 the title, else the question of this place.
    line smallint not null check (line >= 0),
    primary key (rank, key, article_id, line)
);
create index completions_article on completions (article_id);

-- View counts by hour; old hours are merged into days, and old days into one total, whose bucket begins in 1970.
create table views (
    article_id uuid not null references documents,
    starts_at timestamptz not null,
    span text not null check (span in ('hour', 'day', 'ever')),
    count bigint not null check (count > 0),
    primary key (article_id, span, starts_at)
);
create index views_span on views (span, starts_at);

-- The hot list, computed from the view counts at an interval.
create table hot (
    span text not null check (span in ('24h', '7d', '30d')),
    article_id uuid not null references articles on delete cascade,
    views bigint not null,
    score double precision not null,
    computed_at timestamptz not null,
    primary key (span, article_id)
);
create index hot_article on hot (article_id);
create index hot_order on hot (span, score desc, article_id);

alter table changes drop constraint changes_type_check, drop constraint changes_check;
alter table changes
    add constraint changes_type_check
        check (type in ('published', 'updated', 'moved', 'withdrawn', 'deleted', 'site', 'topics', 'pins', 'hot')),
    add constraint changes_check check ((article_id is null) = (type in ('site', 'topics', 'pins', 'hot')));
