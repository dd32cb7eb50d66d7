//! Loads libraries of generated articles: rows as JSON, for everything that the measured responses are read from.

use std::{collections::BTreeSet, fmt::Write as _, path::Path, sync::mpsc::sync_channel, thread, time::Instant};

use chrono::{DateTime, Duration, Utc};
use diesel::{sql_query, sql_types::Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use lectern::{
    content::{
        Document, Related,
        body::{Body, Format, RENDERER},
        collation, outline,
        search::{
            completion,
            terms::{self, Bucket, SECTION_BITS},
        },
        text,
    },
    db::{Db, migrate},
    transfer::library,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    generator::{Generator, SECTIONS, TOPICS, slug, topic},
    vocabulary::Vocabulary,
};
use crate::{
    Failure,
    library::{Library, Store, clean, texts},
    settings::SLUGS,
};

/// The version of generated libraries; kept ones of another version are made again.
const VERSION: &str = "lectern bench 2";

/// The articles of one transaction.
const BATCH: usize = 250;

/// The tables in the order of their references. The rows of drafts have only what these need.
const TABLES: [&str; 9] = [
    "documents",
    "revisions",
    "articles",
    "article_bodies",
    "article_topics",
    "addresses",
    "links",
    "passages",
    "completions",
];

/// The rows of some articles, for each of [`TABLES`].
type Batch = [Vec<Value>; TABLES.len()];

const DROP_INDEXES: &str = "drop index passages_terms; alter table completions drop constraint completions_pkey;";

const CREATE_INDEXES: &str = "set maintenance_work_mem = '2GB'; set max_parallel_maintenance_workers = 1;
    alter table completions add primary key (rank, key, article_id, line);
    create index passages_terms on passages using gin (terms) with (fastupdate = off);";

/// Returns a generator that uses the clauses of the bundled articles.
pub fn generator(articles: u64) -> Result<Generator, Failure> {
    let bundled = Path::new(env!("CARGO_MANIFEST_DIR")).join("library/articles");
    Ok(Generator::new(Vocabulary::read(&bundled)?, articles))
}

/// Returns the library with this many articles besides the bundled ones; makes it unless it was kept.
pub fn library(store: &Store, articles: u64, generator: &Generator) -> Result<Library, Failure> {
    let name = format!("discovery_{articles}");
    let url = store.url(&name)?;
    store.block_on(async {
        let mut admin = AsyncPgConnection::establish(&store.url("postgres")?).await?;
        let find = format!(
            "select coalesce(shobj_description(oid, 'pg_database'), '') as value from pg_database where datname = '{name}'"
        );
        if texts(&mut admin, &find).await? == [VERSION] {
            migrate::run(&url).await?;
            return Ok(());
        }
        for statement in [
            &format!("drop database if exists {name}"),
            "alter system set max_wal_size = '2GB'",
            "select pg_reload_conf()",
            &format!("create database {name}"),
        ] {
            admin.batch_execute(statement).await?;
        }
        let start = Instant::now();
        fill(&url, articles, generator).await?;
        eprintln!("loaded in {:.0} s", start.elapsed().as_secs_f64());
        Ok(admin.batch_execute(&format!("comment on database {name} is '{VERSION}'")).await?)
    })?;
    let step = (articles / SLUGS).max(1);
    let slugs = (0..SLUGS.min(articles)).map(|n| slug(n * step)).collect();
    Ok(Library { url, articles, slugs, clones: 0, step })
}

async fn fill(url: &str, articles: u64, generator: &Generator) -> Result<(), Failure> {
    migrate::run(url).await?;
    let mut connection = AsyncPgConnection::establish(url).await?;
    library::load(&Db::for_command(url)?).await?;
    // All references are valid, so they need no check.
    connection.batch_execute("set synchronous_commit = off; set session_replication_role = replica").await?;
    connection.batch_execute(DROP_INDEXES).await?;
    for topic in (1..=TOPICS).map(topic) {
        connection.batch_execute(&format!("insert into topics values ('{topic}', '{topic}', null, now())")).await?;
    }
    let last = texts(&mut connection, "select max(ordinal)::text as value from articles").await?;
    let writer = Writer { generator, articles, first: last.concat().parse::<i64>()? + 1, now: Utc::now() };
    let (sender, batches) = sync_channel::<Result<Batch, Failure>>(1);
    thread::scope(|scope| {
        // One core generates a batch while the other inserts the previous one.
        scope.spawn(|| {
            let sender = sender;
            for from in (0..articles).step_by(BATCH) {
                if sender.send(writer.batch(from, (from + BATCH as u64).min(articles))).is_err() {
                    return;
                }
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for batch in batches {
                    insert(&mut connection, batch?).await?;
                }
                Ok::<_, Failure>(())
            })
        })
    })?;
    connection.batch_execute(CREATE_INDEXES).await?;
    clean(&mut connection).await
}

async fn insert(connection: &mut AsyncPgConnection, batch: Batch) -> Result<(), Failure> {
    connection.batch_execute("begin").await?;
    for (table, rows) in TABLES.iter().zip(batch) {
        let Some(first) = rows.as_slice().first().and_then(Value::as_object) else { continue };
        let columns = first.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let insert = format!(
            "insert into {table} ({columns}) select {columns} from json_populate_recordset(null::{table}, $1::json)"
        );
        sql_query(insert).bind::<Text, _>(Value::from(rows).to_string()).execute(connection).await?;
    }
    Ok(connection.batch_execute("commit").await?)
}

/// The values that the rows of all articles share.
struct Writer<'a> {
    generator: &'a Generator,
    articles: u64,
    /// The ordinal of the first article.
    first: i64,
    now: DateTime<Utc>,
}

impl Writer<'_> {
    /// Returns the rows of the articles `from..to`.
    fn batch(&self, from: u64, to: u64) -> Result<Batch, Failure> {
        let mut batch = Batch::default();
        for n in from..to {
            self.write(&mut batch, n, &self.generator.article(n)?)?;
        }
        Ok(batch)
    }

    fn write(&self, batch: &mut Batch, n: u64, document: &Document) -> Result<(), Failure> {
        let [documents, revisions, articles, bodies, article_topics, addresses, links, passages, completions] = batch;
        let (id, slug) = (id(n, 0), document.slug.as_str());
        let ordinal = self.first + i64::try_from(n)?;
        let at = self.now - Duration::minutes(7) * i32::try_from(self.articles - n)?;
        let hash = outline::document_hash(document);
        let section_ids: Vec<Uuid> = (1..=SECTIONS).map(|section| self::id(n, section)).collect();
        let body = Body::new(document, &section_ids);
        let indexed = terms::index(document);
        let topics: Vec<_> = document.topics.iter().map(|slug| json!({"slug": slug, "name": slug})).collect();

        documents.push(json!({"id": id, "slug": slug, "created_at": at}));
        revisions.push(json!({
            "document_id": id, "number": 1, "state": "live", "content": {}, "section_ids": [], "hash": hash,
            "created_by": "bench", "created_at": at,
        }));
        articles.push(json!({
            "id": id, "slug": slug, "locale": document.locale, "revision": 1, "title": document.title,
            "title_key": collation::key(&document.title), "questions": document.questions,
            "summary": document.summary, "topics": topics, "characters": text::document_characters(document),
            "reading_minutes": text::reading_minutes(document), "published_at": at, "updated_at": at, "hash": hash,
            "renderer": RENDERER, "ordinal": ordinal, "likeness": bits(&indexed.signature),
        }));
        bodies.push(json!({
            "article_id": id, "toc": serde_json::to_string(&body.toc())?,
            "lead_html": serde_json::to_string(&body.lead(Format::Html))?,
            "sections_html": serde_json::to_string(&body.sections(Format::Html))?,
            "content": serde_json::to_string(&body)?,
        }));
        for (position, topic) in (1..).zip(&document.topics) {
            article_topics
                .push(json!({"article_id": id, "topic_slug": topic, "position": position, "published_at": at}));
        }
        addresses.push(json!({"slug": slug, "article_id": id}));
        for (position, related) in (1..).zip(&document.related) {
            if let Related::Article { article, .. } = related {
                links.push(json!({
                    "article_id": id, "kind": "editorial", "position": position, "target_slug": article,
                }));
            }
        }
        for (place, mut passage) in (ordinal << SECTION_BITS..).zip(indexed.passages) {
            passage.terms.extend([Bucket::Small.term(ordinal), Bucket::Large.term(ordinal)]);
            let (number, anchor, heading) = passage.section.ok_or("an article without sections was generated")?;
            passages.push(json!({
                "place": place, "article_id": id, "number": number, "anchor": anchor, "heading": heading,
                "lead": passage.lead, "text": passage.text, "terms": tsvector(&passage.terms),
                // Only a publication compares it.
                "digest": format!("\\x{}", "00".repeat(32)),
            }));
        }
        let lines = (0_i16..).zip(std::iter::once(&document.title).chain(&document.questions));
        let keys: BTreeSet<_> = lines
            .flat_map(|(line, text)| completion::keys(text).into_iter().map(move |(by, key)| (by.rank(), key, line)))
            .collect();
        completions.extend(
            keys.into_iter().map(|(rank, key, line)| json!({"rank": rank, "key": key, "article_id": id, "line": line})),
        );
        Ok(())
    }
}

/// Returns the id of an article (`part` 0) or of one of its sections; ids ascend as those of publications do.
fn id(n: u64, part: u64) -> Uuid {
    let version = 0x0190_0000_0000_7000_8000_u128 << 48;
    Uuid::from_u128(version | u128::from(n) << 8 | u128::from(part))
}

/// Returns bytes as the text of a `bit(n)`.
fn bits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:08b}");
        text
    })
}

/// Returns terms as the text of a `tsvector`.
fn tsvector(terms: &[String]) -> String {
    let quoted = terms.iter().map(|term| format!("'{}'", term.replace('\\', "\\\\").replace('\'', "''")));
    quoted.collect::<Vec<_>>().join(" ")
}

/// Returns the sizes of the largest tables and indexes.
pub fn sizes(store: &Store, library: &Library) -> Result<Vec<String>, Failure> {
    let query =
        "select format('%s: %s, %s rows', relname, pg_size_pretty(bytes), greatest(reltuples, 0)::bigint) as value
        from pg_class,
            lateral (
                select pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) as bytes
            ) as size
        where relkind in ('r', 'i') and relnamespace = 'public'::regnamespace
        order by bytes desc limit 12";
    store.query(&library.url, query)
}
