//! The migrations, and the agreement of code and tables.

use std::collections::BTreeSet;

use diesel::{
    QueryableByName,
    sql_types::{Bool, Text},
};
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::MigrationHarness;
use lectern::db::migrate::{self, MIGRATIONS};

use crate::harness;

#[derive(QueryableByName)]
struct Line {
    #[diesel(sql_type = Text)]
    line: String,
}

async fn lines(url: &str, sql: &str) -> Vec<String> {
    let mut connection = AsyncPgConnection::establish(url).await.unwrap();
    let rows: Vec<Line> = diesel::sql_query(sql).load(&mut connection).await.unwrap();
    rows.into_iter().map(|row| row.line).collect()
}

/// Returns the objects of the schema, a line each.
async fn schema_objects(url: &str) -> Vec<String> {
    let sql = "
        select line from (
            select format('%s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
            from information_schema.columns where table_schema = 'public' and table_name <> '__diesel_schema_migrations'
            union all
            select indexdef from pg_indexes where schemaname = 'public' and tablename <> '__diesel_schema_migrations'
            union all
            select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint
            where connamespace = 'public'::regnamespace and conrelid <> 0
                and conrelid::regclass::text <> '__diesel_schema_migrations'
            union all
            select format('function %s', oid::regprocedure) from pg_proc
            where pronamespace = 'public'::regnamespace and proname not like 'diesel_%'
        ) as everything order by line";
    lines(url, sql).await
}

#[tokio::test(flavor = "multi_thread")]
async fn migrations_up_down_and_up_leave_no_difference() {
    let url = harness::empty_database().await;
    let before = schema_objects(&url).await;
    assert!(before.len() > 100, "{before:#?}");
    let connection = AsyncPgConnection::establish(&url).await.unwrap();
    tokio::task::block_in_place(|| {
        AsyncMigrationHarness::new(connection).revert_all_migrations(MIGRATIONS).unwrap();
    });
    assert_eq!(schema_objects(&url).await, Vec::<String>::new());
    assert!(!migrate::run(&url).await.unwrap().is_empty());
    assert_eq!(schema_objects(&url).await, before);
    assert!(migrate::run(&url).await.unwrap().is_empty(), "a second run applies nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_starts_migrate_once() {
    let url = harness::empty_database().await;
    let connection = AsyncPgConnection::establish(&url).await.unwrap();
    let all = tokio::task::block_in_place(|| {
        AsyncMigrationHarness::new(connection).revert_all_migrations(MIGRATIONS).unwrap().len()
    });
    let runs = (0..4).map(|_| {
        let url = url.clone();
        tokio::spawn(async move { migrate::run(&url).await.unwrap().len() })
    });
    let mut ran = 0;
    for run in runs.collect::<Vec<_>>() {
        ran += run.await.unwrap();
    }
    assert_eq!(ran, all);
}

/// Postgres does not index the referencing columns itself; without an index, a delete scans the table.
#[tokio::test(flavor = "multi_thread")]
async fn every_foreign_key_is_indexed() {
    let url = harness::empty_database().await;
    let sql = "
        select format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) as line
        from pg_constraint as key
        where contype = 'f' and connamespace = 'public'::regnamespace
            and not exists (
                select from pg_index
                where indrelid = conrelid and indkey[0] = conkey[1]
            )";
    assert_eq!(lines(&url, sql).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn schema_rs_matches_the_database() {
    let url = harness::empty_database().await;
    let sql = "
        select format('%s.%s %s%s', table_name, column_name, udt_name, case is_nullable when 'YES' then ' null' else '' end)
            as line
        from information_schema.columns where table_schema = 'public' and table_name <> '__diesel_schema_migrations'";
    let real: BTreeSet<String> = lines(&url, sql).await.into_iter().collect();

    let source = include_str!("../../../src/db/schema.rs");
    let mut table = "";
    let mut sql_name = None;
    let mut known = BTreeSet::new();
    for line in source.lines().map(str::trim) {
        if let Some((name, _)) = line.split_once(" (").filter(|_| line.ends_with(") {")) {
            table = name;
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            sql_name = name.strip_suffix("\"]");
        } else if let Some((column, kind)) = line.split_once(" -> ").filter(|_| line.ends_with(',')) {
            let column = sql_name.take().unwrap_or(column);
            known.insert(format!("{table}.{column} {}", postgres_name(kind.trim_end_matches(','))));
        }
    }
    assert_eq!(known, real);
}

fn postgres_name(diesel: &str) -> String {
    if let Some(inner) = diesel.strip_prefix("Nullable<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("{} null", postgres_name(inner));
    }
    if let Some(inner) = diesel.strip_prefix("Array<").and_then(|rest| rest.strip_suffix('>')) {
        return format!("_{}", postgres_name(inner));
    }
    diesel.to_lowercase()
}

#[derive(QueryableByName)]
struct Answer {
    #[diesel(sql_type = Bool)]
    holds: bool,
}

/// State rules are constraints: the database refuses each of these statements, whatever the code does.
#[tokio::test(flavor = "multi_thread")]
async fn database_enforces_the_state_rules() {
    let app = harness::App::library().await;
    let mut connection = app.db.write().await.unwrap();
    let refused = [
        (
            "two drafts",
            "insert into revisions select document_id, number + n, 'draft', content, section_ids, hash, created_by from revisions, generate_series(1, 2) as n",
        ),
        (
            "two live revisions",
            "insert into revisions select document_id, number + 1, 'live', content, section_ids, hash, created_by from revisions",
        ),
        ("an unknown state", "update revisions set state = 'gone'"),
        ("one slug for two", "update documents set slug = 'same'"),
        ("one public slug for two", "update articles set slug = 'same'"),
        ("a revision that is not there", "update articles set revision = 99"),
        ("an article without a document", "update articles set id = gen_random_uuid()"),
        ("one anchor for two sections", "update sections set anchor = 'same'"),
        ("a link to nothing", "update links set target_slug = null, url = null"),
        ("a link to two things", "update links set target_slug = 'a', url = 'https://example.org/', title = 'x'"),
        (
            "two sites",
            "insert into site select false, name, description, locale, null, null, null, null, null, null, updated_at from site",
        ),
        ("a second entry of one sequence", "insert into changes select * from changes"),
        ("an unknown change", "update changes set type = 'vanished'"),
    ];
    for (what, sql) in refused {
        assert!(diesel::sql_query(sql).execute(&mut connection).await.is_err(), "{what} was taken");
    }
    let left: Answer =
        diesel::sql_query("select count(*) = 13 as holds from articles").get_result(&mut connection).await.unwrap();
    assert!(left.holds);
}

#[tokio::test(flavor = "multi_thread")]
async fn read_connection_refuses_every_write() {
    let app = harness::App::library().await;
    let mut connection = app.db.read().await.unwrap();
    let error = diesel::sql_query("delete from links").execute(&mut connection).await.unwrap_err();
    assert!(error.to_string().contains("read-only"), "{error}");
}
