-- The published tables: rendered content. Only `publishing` writes them; `v1` reads them over read-only connections.

create table site (
    -- One row.
    id boolean primary key default true check (id),
    name text not null,
    description text,
    locale text not null,
    call_to_action_label text,
    call_to_action_url text,
    license_name text,
    license_url text,
    attribution text,
    disclaimer text,
    updated_at timestamptz not null,
    check (call_to_action_url is null or call_to_action_label is not null),
    check (license_url is null or license_name is not null)
);

create table topics (
    slug text primary key,
    name text not null,
    description text,
    updated_at timestamptz not null
);

create table articles (
    id uuid primary key references documents,
    slug text not null unique,
    locale text not null,
    revision integer not null,
    title text not null,
    -- The sort key of the title: pinyin of Han characters, lower case (content::collation).
    title_key text collate "C" not null,
    questions text[] not null,
    summary text,
    -- [{"slug", "name"}] in the editor's order, refreshed when a topic is renamed.
    topics jsonb not null,
    characters integer not null,
    reading_minutes integer not null,
    published_at timestamptz not null,
    updated_at timestamptz not null,
    hash text not null,
    -- {"name", "url", "captured_at"}
    source jsonb,
    -- The version of the renderer of the bodies; a rebuild renders rows of an older one again.
    renderer integer not null,
    foreign key (id, revision) references revisions (document_id, number)
);
create index articles_published_at on articles (published_at desc, id desc);
create index articles_updated_at on articles (updated_at desc, id desc);
create index articles_title on articles (title_key, id);

-- Bodies are apart from cards: a list never reads one.
create table article_bodies (
    article_id uuid primary key references articles on delete cascade,
    -- JSON as the API returns it: the tree of sections without bodies, the lead, and the sections in HTML.
    toc text not null,
    lead_html text not null,
    sections_html text not null,
    -- The lead and the sections as blocks, for all other formats.
    content text not null
);

create table article_topics (
    article_id uuid not null references articles on delete cascade,
    topic_slug text not null references topics on update cascade,
    position integer not null,
    -- That of the article, repeated so that the newest of a topic are found along an index.
    published_at timestamptz not null,
    primary key (article_id, topic_slug)
);
create index article_topics_newest on article_topics (topic_slug, published_at desc, article_id desc);

-- Every slug under which an article was ever published; none is ever given to another article.
create table addresses (
    slug text primary key,
    article_id uuid not null references documents
);
create index addresses_article on addresses (article_id);

-- Every section that was ever published; a removed one keeps its row and its addresses.
create table sections (
    id uuid primary key,
    article_id uuid not null references documents,
    anchor text not null,
    title text not null,
    hash text not null,
    removed_at timestamptz,
    unique (article_id, anchor)
);

-- Every anchor that a section ever had; for every number the section that has it now or had it last.
create table section_addresses (
    article_id uuid not null references documents,
    reference text not null,
    section_id uuid not null references sections,
    primary key (article_id, reference)
);
create index section_addresses_section on section_addresses (section_id);

-- The links of an article: the editor's related reading, then the links in its text.
create table links (
    article_id uuid not null references articles on delete cascade,
    kind text not null check (kind in ('editorial', 'linked')),
    position integer not null check (position > 0),
    target_slug text,
    -- The fragment of a link in the text: an anchor or number of a section, as the author wrote it.
    target_fragment text,
    url text,
    title text,
    reason text,
    primary key (article_id, kind, position),
    check ((target_slug is null) <> (url is null)),
    check (target_fragment is null or kind = 'linked'),
    check (url is null or title is not null)
);
create index links_target on links (target_slug) where target_slug is not null;

-- The pins: articles at the top of the hot list.
create table pins (
    position integer primary key check (position > 0),
    article_id uuid not null unique references documents,
    reason text
);

-- Articles that were published and are no longer.
create table withdrawals (
    article_id uuid primary key references documents,
    reason text not null,
    withdrawn_at timestamptz not null
);

-- The change log: one row for every change that readers can see. Sequence order is commit order: a sequence is taken under
-- the publishing lock, which is held until the transaction ends.
create table changes (
    sequence bigint primary key check (sequence > 0),
    type text not null check (type in ('published', 'updated', 'moved', 'withdrawn', 'deleted', 'site', 'topics', 'pins')),
    article_id uuid references documents,
    slug text,
    revision integer,
    hash text,
    previous_slugs text[] not null default '{}',
    sections_changed uuid[] not null default '{}',
    sections_removed uuid[] not null default '{}',
    -- The tags of the responses that the change makes stale, as in Surrogate-Key.
    tags text[] not null,
    at timestamptz not null default now(),
    check ((article_id is null) = (type in ('site', 'topics', 'pins')))
);
create index changes_article on changes (article_id);
