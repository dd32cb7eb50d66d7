-- Whole articles as they are answered, so that a reading costs one row and not an assembly of seven tables.

-- The last change of everything that answers depend on.
create table tag_changes (
    -- In the words of Surrogate-Key.
    tag text primary key,
    -- changes.sequence of the last change that carries the tag.
    sequence bigint not null
);
insert into tag_changes (tag, sequence)
select tag, max(sequence) from changes cross join unnest(tags) as tag group by tag;

-- What `GET /v1/articles/{slug}` answers. A row holds for as long as no tag of it has changed after `sequence`; one that does
-- not is passed over, and written anew when its article is read the next time.
create table finished_articles (
    article_id uuid primary key references articles on delete cascade,
    -- The sources that it was made by: another build may answer otherwise.
    build text not null,
    -- A place in the log that was visible before anything of the answer was read.
    sequence bigint not null,
    tags text[] not null,
    body text not null
);
-- Packing would save half of the space, and cost more time than the rest of a reading.
alter table finished_articles alter column body set storage external;
