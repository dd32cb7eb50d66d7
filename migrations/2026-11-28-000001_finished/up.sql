-- Whole articles as they are answered, so that a reading costs one row and not an assembly of seven tables.

-- The last change of everything that answers depend on.
create table tag_changes (
    -- In the words of Surrogate-Key.
    tag text primary key,
    -- changes.sequence of the last change that carries the tag.
    sequence bigint not null
);

-- By the database itself: an earlier build may write the log beside this one, and knows nothing of it.
create function note_tags() returns trigger language plpgsql as $$
begin
    insert into tag_changes (tag, sequence)
    select distinct listed.tag, new.sequence from unnest(new.tags) as listed (tag)
    on conflict (tag) do update set sequence = excluded.sequence;
    return null;
end
$$;
create trigger note_tags after insert on changes for each row execute function note_tags();

-- Nothing is logged from here to the end: what is in the log is noted here, and all that comes by the trigger.
lock table changes in share row exclusive mode;
insert into tag_changes (tag, sequence)
select tag, max(sequence) from changes cross join unnest(tags) as tag group by tag;

-- What `GET /v1/articles/{slug}` answers. A row holds for as long as no tag of it has changed after `sequence`; one that does
-- not is passed over, and written anew when its article is read the next time.
create table finished_articles (
    -- No foreign key: to check one, the row of the article would be locked against who publishes it. A row whose article is
    -- gone does not hold any more.
    article_id uuid primary key,
    -- The sources that it was made by: another build may answer otherwise.
    build text not null,
    -- The place in the log that it was read at.
    sequence bigint not null,
    tags text[] not null,
    body text not null
);
-- Packing would save half of the space, and cost more time than the rest of a reading.
alter table finished_articles alter column body set storage external;
