-- The draft tables. The public API never reads them.

create table documents (
    id uuid primary key,
    -- The present slug; earlier published ones are in `addresses`.
    slug text not null unique,
    created_at timestamptz not null default now()
);

create table revisions (
    document_id uuid not null references documents on delete cascade,
    number integer not null check (number > 0),
    state text not null check (state in ('draft', 'live', 'past')),
    -- The document with all anchors (content::Document).
    content jsonb not null,
    -- The ids of the sections, in reading order.
    section_ids uuid[] not null,
    hash text not null,
    created_by text not null,
    created_at timestamptz not null default now(),
    primary key (document_id, number)
);
create unique index revisions_one_draft on revisions (document_id) where state = 'draft';
create unique index revisions_one_live on revisions (document_id) where state = 'live';
