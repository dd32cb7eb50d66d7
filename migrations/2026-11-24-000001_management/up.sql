-- API keys, planned publications, and the audit.

-- A deleted article that was published keeps its row: its addresses answer 410, and its slugs stay reserved.
alter table documents add column deleted_at timestamptz;

-- The list of drafts begins with the latest save.
create index revisions_saved on revisions (created_at desc, document_id desc);

create table keys (
    id uuid primary key,
    name text not null,
    -- The first characters of the key, by which it is found; not secret.
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

-- Planned publications: at most one for each document.
create table schedules (
    document_id uuid primary key references documents on delete cascade,
    revision integer not null,
    publish_at timestamptz not null,
    -- The author of the publication.
    key_id uuid,
    author text not null,
    created_at timestamptz not null default clock_timestamp(),
    -- The reason of a failure; it is not tried again.
    failure text,
    foreign key (document_id, revision) references revisions (document_id, number) on delete cascade
);
create index schedules_due on schedules (publish_at) where failure is null;

-- All writes with their authors. No foreign keys: rows outlive what they are about.
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
    -- A reason, a time, an earlier slug.
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

-- Secrets for signatures, made at their first use.
create table secrets (
    name text primary key,
    value bytea not null check (octet_length(value) = 32)
);
