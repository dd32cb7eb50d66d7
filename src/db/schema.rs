// The tables as Diesel sees them; a test holds this file against the migrated database.

pub mod sql_types {
    #[derive(Clone, diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "bit", schema = "pg_catalog"))]
    pub struct Bit;

    #[derive(Clone, diesel::query_builder::QueryId, diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "tsvector", schema = "pg_catalog"))]
    pub struct Tsvector;
}

diesel::table! {
    addresses (slug) {
        slug -> Text,
        article_id -> Uuid,
    }
}

diesel::table! {
    article_bodies (article_id) {
        article_id -> Uuid,
        toc -> Text,
        lead_html -> Text,
        sections_html -> Text,
        content -> Text,
    }
}

diesel::table! {
    article_topics (article_id, topic_slug) {
        article_id -> Uuid,
        topic_slug -> Text,
        position -> Int4,
        published_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Bit;

    articles (id) {
        id -> Uuid,
        slug -> Text,
        locale -> Text,
        revision -> Int4,
        title -> Text,
        title_key -> Text,
        questions -> Array<Text>,
        summary -> Nullable<Text>,
        topics -> Jsonb,
        characters -> Int4,
        reading_minutes -> Int4,
        published_at -> Timestamptz,
        updated_at -> Timestamptz,
        hash -> Text,
        source -> Nullable<Jsonb>,
        renderer -> Int4,
        ordinal -> Int8,
        likeness -> Bit,
    }
}

diesel::table! {
    audit (sequence) {
        sequence -> Int8,
        at -> Timestamptz,
        key_id -> Nullable<Uuid>,
        author -> Text,
        action -> Text,
        document_id -> Nullable<Uuid>,
        subject -> Nullable<Text>,
        revision -> Nullable<Int4>,
        detail -> Nullable<Text>,
    }
}

diesel::table! {
    changes (sequence) {
        sequence -> Int8,
        #[sql_name = "type"]
        type_ -> Text,
        article_id -> Nullable<Uuid>,
        slug -> Nullable<Text>,
        revision -> Nullable<Int4>,
        hash -> Nullable<Text>,
        previous_slugs -> Array<Text>,
        sections_changed -> Array<Uuid>,
        sections_removed -> Array<Uuid>,
        tags -> Array<Text>,
        at -> Timestamptz,
    }
}

diesel::table! {
    completions (rank, key, article_id, line) {
        rank -> Int2,
        key -> Text,
        article_id -> Uuid,
        line -> Int2,
    }
}

diesel::table! {
    documents (id) {
        id -> Uuid,
        slug -> Text,
        created_at -> Timestamptz,
        deleted_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    hot (span, article_id) {
        span -> Text,
        article_id -> Uuid,
        views -> Int8,
        score -> Float8,
        computed_at -> Timestamptz,
    }
}

diesel::table! {
    keys (id) {
        id -> Uuid,
        name -> Text,
        prefix -> Text,
        digest -> Bytea,
        scopes -> Array<Text>,
        created_by -> Text,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        last_used_at -> Nullable<Timestamptz>,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    links (article_id, kind, position) {
        article_id -> Uuid,
        kind -> Text,
        position -> Int4,
        target_slug -> Nullable<Text>,
        target_fragment -> Nullable<Text>,
        url -> Nullable<Text>,
        title -> Nullable<Text>,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Tsvector;

    passages (place) {
        place -> Int8,
        article_id -> Uuid,
        number -> Nullable<Text>,
        anchor -> Nullable<Text>,
        heading -> Nullable<Text>,
        lead -> Text,
        text -> Text,
        terms -> Tsvector,
        digest -> Bytea,
    }
}

diesel::table! {
    pins (position) {
        position -> Int4,
        article_id -> Uuid,
        reason -> Nullable<Text>,
    }
}

diesel::table! {
    revisions (document_id, number) {
        document_id -> Uuid,
        number -> Int4,
        state -> Text,
        content -> Jsonb,
        section_ids -> Array<Uuid>,
        hash -> Text,
        created_by -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    schedules (document_id) {
        document_id -> Uuid,
        revision -> Int4,
        publish_at -> Timestamptz,
        key_id -> Nullable<Uuid>,
        author -> Text,
        created_at -> Timestamptz,
        failure -> Nullable<Text>,
    }
}

diesel::table! {
    secrets (name) {
        name -> Text,
        value -> Bytea,
    }
}

diesel::table! {
    section_addresses (article_id, reference) {
        article_id -> Uuid,
        reference -> Text,
        section_id -> Uuid,
    }
}

diesel::table! {
    sections (id) {
        id -> Uuid,
        article_id -> Uuid,
        anchor -> Text,
        title -> Text,
        hash -> Text,
        removed_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    site (id) {
        id -> Bool,
        name -> Text,
        description -> Nullable<Text>,
        locale -> Text,
        call_to_action_label -> Nullable<Text>,
        call_to_action_url -> Nullable<Text>,
        license_name -> Nullable<Text>,
        license_url -> Nullable<Text>,
        attribution -> Nullable<Text>,
        disclaimer -> Nullable<Text>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    stored_responses (key) {
        key -> Text,
        build -> Text,
        sequence -> Int8,
        tags -> Array<Text>,
        body -> Text,
    }
}

diesel::table! {
    tag_changes (tag) {
        tag -> Text,
        sequence -> Int8,
    }
}

diesel::table! {
    topics (slug) {
        slug -> Text,
        name -> Text,
        description -> Nullable<Text>,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    views (article_id, span, starts_at) {
        article_id -> Uuid,
        starts_at -> Timestamptz,
        span -> Text,
        count -> Int8,
    }
}

diesel::table! {
    withdrawals (article_id) {
        article_id -> Uuid,
        reason -> Text,
        withdrawn_at -> Timestamptz,
    }
}

diesel::joinable!(article_bodies -> articles (article_id));
diesel::joinable!(article_topics -> articles (article_id));
diesel::joinable!(article_topics -> topics (topic_slug));
diesel::joinable!(completions -> articles (article_id));
diesel::joinable!(hot -> articles (article_id));
diesel::joinable!(links -> articles (article_id));
diesel::joinable!(passages -> articles (article_id));
diesel::joinable!(revisions -> documents (document_id));
diesel::joinable!(schedules -> documents (document_id));
diesel::joinable!(section_addresses -> sections (section_id));

diesel::allow_tables_to_appear_in_same_query!(
    addresses,
    article_bodies,
    article_topics,
    articles,
    audit,
    changes,
    completions,
    documents,
    hot,
    keys,
    links,
    passages,
    pins,
    revisions,
    schedules,
    secrets,
    section_addresses,
    sections,
    site,
    stored_responses,
    tag_changes,
    topics,
    views,
    withdrawals,
);
