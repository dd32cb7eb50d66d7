//! Libraries of any size out of generated articles, loaded in bulk.

use std::{path::Path, sync::mpsc::sync_channel, thread, time::Instant};

use actix_web::web::Bytes;
use chrono::Utc;
use futures_util::SinkExt;
use lectern::{
    db::{Db, migrate},
    transfer::library,
};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Client, NoTls};

use super::{
    generator::{Generator, TOPICS, slug, topic},
    rows::{Batch, TABLES, Writer},
    vocabulary::Vocabulary,
};
use crate::{
    Failure,
    settings::SLUGS,
    store::{Library, Store},
};

/// Of what is made here; libraries of another version are made anew.
const VERSION: u32 = 1;

/// How many articles are written at once.
const BATCH: usize = 250;

/// What is put up again at the end.
const INDEXES: &str = "set maintenance_work_mem = '2GB'; set max_parallel_maintenance_workers = 1;
    alter table completions add primary key (rank, key, article_id, line);
    create index passages_terms on passages using gin (terms) with (fastupdate = off);";

const WITHOUT_INDEXES: &str = "drop index passages_terms; alter table completions drop constraint completions_pkey;";

/// How a library came to be; stands with it, so that one that is kept is known again.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Loaded {
    version: u32,
    /// In seconds: all of it, and of that the index over terms and the keys of completions.
    pub seconds: f64,
    pub indexes_in_seconds: f64,
}

/// The size of a table or of an index, in bytes.
#[derive(Debug, Serialize)]
pub struct Size {
    pub name: String,
    pub bytes: i64,
    pub rows: i64,
}

/// Articles made from the bundled ones, for a library of `articles`.
pub fn generator(articles: u64) -> Result<Generator, Failure> {
    let vocabulary = Vocabulary::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("library/articles"))?;
    Ok(Generator::new(vocabulary, articles))
}

/// The library with this many articles besides the bundled ones: the one that is there, or a new one.
pub fn library(store: &Store, articles: u64, generator: &Generator) -> Result<(Library, Loaded), Failure> {
    let name = format!("discovery_{articles}");
    let url = store.url(&name)?;
    let loaded = store.wait(async {
        let admin = connect(&store.url("postgres")?).await?;
        let find = "select shobj_description(oid, 'pg_database') from pg_database where datname = $1";
        let there = admin.query_opt(find, &[&name]).await?;
        let said: Option<String> = there.as_ref().and_then(|row| row.get(0));
        let loaded = said.and_then(|said| serde_json::from_str::<Loaded>(&said).ok());
        if let Some(loaded) = loaded.filter(|loaded| loaded.version == VERSION) {
            migrate::run(&url).await?;
            return Ok(loaded);
        }
        admin.batch_execute(&format!("drop database if exists {name}")).await?;
        admin.batch_execute("alter system set max_wal_size = '2GB'").await?;
        admin.batch_execute("select pg_reload_conf()").await?;
        admin.batch_execute(&format!("create database {name}")).await?;
        let loaded = fill(&url, articles, generator).await?;
        let note = serde_json::to_string(&loaded)?.replace('\'', "''");
        admin.batch_execute(&format!("comment on database {name} is '{note}'")).await?;
        Ok(loaded)
    })?;
    let step = (articles / SLUGS).max(1);
    let slugs = (0..SLUGS.min(articles)).map(|place| slug(place * step)).collect();
    Ok((Library { url, articles, slugs, clones: 0, step }, loaded))
}

async fn connect(url: &str) -> Result<Client, Failure> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

async fn fill(url: &str, articles: u64, generator: &Generator) -> Result<Loaded, Failure> {
    let start = Instant::now();
    migrate::run(url).await?;
    // It begins as every library does: with its site, and the bundled articles.
    library::load(&Db::for_command(url)?).await?;
    let client = connect(url).await?;
    // Nothing that is written here refers to what is not there.
    client.batch_execute("set synchronous_commit = off; set session_replication_role = replica").await?;
    client.batch_execute(WITHOUT_INDEXES).await?;
    for n in 1..=TOPICS {
        let topic = topic(n);
        client.execute("insert into topics values ($1, $1, null, now())", &[&topic]).await?;
    }
    let last: i64 = client.query_one("select max(ordinal) from articles", &[]).await?.get(0);
    let writer = Writer { generator, articles, first: last + 1, now: Utc::now() };
    let (send, receive) = sync_channel::<Result<Batch, Failure>>(1);
    thread::scope(|scope| {
        // Made on one core while the other writes what was made before.
        scope.spawn(|| {
            let send = send;
            for from in (0..articles).step_by(BATCH) {
                let batch = writer.batch(from, (from + BATCH as u64).min(articles));
                if send.send(batch).is_err() {
                    return;
                }
            }
        });
        tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(async {
                for batch in receive {
                    write(&client, batch?).await?;
                }
                Ok::<_, Failure>(())
            })
        })
    })?;
    let indexes = Instant::now();
    client.batch_execute(INDEXES).await?;
    let indexes_in_seconds = indexes.elapsed().as_secs_f64();
    // Now, so that it does not come in the middle of a measurement; not in a transaction.
    client.batch_execute("vacuum analyze").await?;
    client.batch_execute("checkpoint").await?;
    Ok(Loaded { version: VERSION, seconds: start.elapsed().as_secs_f64(), indexes_in_seconds })
}

async fn write(client: &Client, batch: Batch) -> Result<(), Failure> {
    client.batch_execute("begin").await?;
    for ((table, columns), rows) in TABLES.iter().zip(batch) {
        let copy = client.copy_in(&format!("copy {table} ({columns}) from stdin (format binary)")).await?;
        let mut copy = Box::pin(copy);
        copy.send(Bytes::from(rows.finish())).await?;
        copy.as_mut().finish().await?;
    }
    Ok(client.batch_execute("commit").await?)
}

/// What takes the most room.
pub fn sizes(store: &Store, library: &Library) -> Result<Vec<Size>, Failure> {
    let query = "select relname::text, pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0),
            greatest(reltuples, 0)::bigint
        from pg_class
        where relkind in ('r', 'i') and relnamespace = 'public'::regnamespace
            and pg_relation_size(oid) + coalesce(pg_relation_size(nullif(reltoastrelid, 0)), 0) > 0
        order by 2 desc limit 12";
    store.wait(async {
        let rows = connect(&library.url).await?.query(query, &[]).await?;
        Ok(rows.iter().map(|row| Size { name: row.get(0), bytes: row.get(1), rows: row.get(2) }).collect())
    })
}
