drop table stored_responses;
create table finished_articles (
    article_id uuid primary key,
    build text not null,
    sequence bigint not null,
    tags text[] not null,
    body text not null
);
alter table finished_articles alter column body set storage external;
