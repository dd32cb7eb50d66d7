-- Who may write, what is to be published and when, and who did what.

-- A deleted article that was published keeps its row: its addresses answer 410, and its slugs stay its own.
alter table documents add column deleted_at timestamptz;

-- The list of drafts begins with what was saved last.
create index revisions_saved on revisions (created_at desc, document_id desc);

create table keys (
    id uuid primary key,
    name text not null,
    -- The beginning of the key, by which it is found; no secret.
    prefix text not null unique,
    -- SHA-256 of the whole key.
    digest bytea not null check (octet_length(digest) = 32),
    scopes text[] not null
        check (cardinality(scopes) > 0 and scopes <@ array['read_drafts', 'write', 'publish', 'admin']),
    created_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz
);

-- What is to be published, and when: one revision a document at most.
create table schedules (
    document_id uuid primary key references documents on delete cascade,
    revision integer not null,
    publish_at timestamptz not null,
    -- On whose behalf.
    key_id uuid,
    author text not null,
    created_at timestamptz not null default clock_timestamp(),
    -- Why it could not be published when its time had come; it is not tried again.
    failure text,
    foreign key (document_id, revision) references revisions (document_id, number) on delete cascade
);
create index schedules_due on schedules (publish_at) where failure is null;

-- What was done by whom. No foreign keys: what is told outlives what it tells of.
create table audit (
    sequence bigint primary key check (sequence > 0),
    at timestamptz not null default clock_timestamp(),
    -- Null for the command line and the service itself.
    key_id uuid,
    author text not null,
    action text not null check (action in (
        'save', 'restore', 'publish', 'schedule', 'unschedule', 'withdraw', 'move', 'delete', 'preview',
        'put_site', 'put_topic', 'delete_topic', 'put_pins', 'create_key', 'revoke_key'
    )),
    document_id uuid,
    -- The slug of the article or topic, or the prefix of the key.
    subject text,
    revision integer,
    -- What else there is to tell: a reason, a time, the slug before.
    detail text
);
create index audit_document on audit (document_id, sequence) where document_id is not null;

create function refuse_to_change_the_audit() returns trigger language plpgsql as $$
begin
    raise exception 'the audit is append-only';
end
$$;
create trigger audit_is_append_only before update or delete or truncate on audit
    for each statement execute function refuse_to_change_the_audit();

-- What the service signs with; made when it is first needed.
create table secrets (
    name text primary key,
    value bytea not null check (octet_length(value) = 32)
);
