-- The response store: the second level of the cache, by canonical URI. It replaces the store of articles alone.
drop table finished_articles;
create table stored_responses (
    -- The canonical URI.
    key text primary key,
    -- The digest of the sources of the program that wrote the row: another build may respond otherwise.
    build text not null,
    -- changes.sequence of the log position at which the response was read.
    sequence bigint not null,
    -- The row is valid until one of them changes after `sequence`. No foreign key: to check one, a writer would lock rows that
    -- a publication needs.
    tags text[] not null,
    body text not null
);
-- Compression would save half of the space, and take more time than the rest of a read.
alter table stored_responses alter column body set storage external;
