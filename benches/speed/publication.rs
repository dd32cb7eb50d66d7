//! From the commit of a publication to the first new answer of other instances, under load, and what they answer after it.
//!
//! Two services have the same database; this process publishes, as a third would. Every second request is for the article
//! that is published again and again. A request that was sent after an instance gave the new answer must not be answered
//! with the old one by that instance: one that is, is stale.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI32, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use diesel_async::AsyncPgConnection;
use lectern::{
    content::{Document, Slug},
    db::{Db, schema::articles},
    publishing::{Author, PublishTx, drafts::Precondition, revisions},
    transfer::library::FIRST_ARTICLE,
};
use serde::Serialize;
use uuid::Uuid;

use crate::{
    Failure,
    answer::{Client, request},
    delivery::targets,
    histogram::Histogram,
    load::{Load, Plan, Target, Until},
    measure::count,
    servers::Server,
    settings::Settings,
    store::Library,
};

/// How long after a publication a new answer must have come.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the new answers are watched before the next publication.
const WATCH: Duration = Duration::from_millis(40);

/// How many connections go to the instance that has little to do.
const QUIET: usize = 4;

/// What was seen on one instance.
#[derive(Debug, Serialize)]
pub struct Seen {
    pub instance: &'static str,
    pub publications: u64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Answers with the article to requests that were sent after the first new answer.
    pub tries: u64,
    /// How many of those were old.
    pub stale: u64,
    /// All answers a second.
    pub requests_per_second: f64,
}

/// What the publisher and the load tell each other.
struct Shared {
    /// When the publication that made each revision was committed, counted from the first.
    committed: Mutex<Vec<Instant>>,
    first: i32,
    /// The newest revision that each instance answered.
    seen: [AtomicI32; 2],
    over: AtomicBool,
}

pub fn run(settings: &Settings, library: &Library, loaded: &Server, quiet: &Server) -> Result<[Seen; 2], Failure> {
    let others: Vec<_> = library.slugs.iter().filter(|slug| *slug != FIRST_ARTICLE).collect();
    let requests = || others.iter().map(|slug| request("GET", &format!("/v1/articles/{slug}"), "")).collect();
    let mut publisher = Publisher::new(&library.url)?;
    // The text that is published has another length than the bundled one, and other articles show its summary.
    let first = publisher.publish(|| {})?;
    let deadline = Instant::now() + PATIENCE;
    let path = format!("/v1/articles/{FIRST_ARTICLE}");
    for server in [loaded, quiet] {
        while revision(&Client::new(server.address)?.get(&path)?.body)? < first {
            if Instant::now() > deadline {
                return Err("a publication does not reach a running service".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    let targets = targets(loaded, 200, requests())?;

    let shared = Arc::new(Shared {
        committed: Mutex::default(),
        first,
        seen: [AtomicI32::new(first), AtomicI32::new(first)],
        over: AtomicBool::new(false),
    });
    let mut addresses: Vec<SocketAddr> = vec![quiet.address; QUIET];
    addresses.resize(QUIET + settings.connections, loaded.address);
    let mut load = Load::new(&addresses)?;
    let mut plan = Watch {
        article: request("GET", &path, ""),
        targets: &targets,
        next: 0,
        shared: &shared,
        asked: vec![Asked::Article { seen: 0 }; addresses.len()],
        delays: [Histogram::new(), Histogram::new()],
        tries: [0, 0],
        stale: [0, 0],
        answers: [0, 0],
    };
    // Everything is in memory before the first publication.
    load.run(&mut plan, Until::Answers(targets.len() as u64 * 4))?;
    (plan.tries, plan.stale, plan.answers) = ([0, 0], [0, 0], [0, 0]);

    let writer = Arc::clone(&shared);
    let publications = settings.publications;
    let publishing = thread::spawn(move || {
        let result = publisher.publish_often(publications, &writer);
        writer.over.store(true, Ordering::Relaxed);
        result
    });
    let time = (WATCH + PATIENCE) * u32::try_from(publications)?;
    let measured = load.run(&mut plan, Until::Told(&shared.over, time));
    shared.over.store(true, Ordering::Relaxed);
    publishing.join().map_err(|_| "the publisher failed")??;
    let elapsed = measured?.elapsed.as_secs_f64();

    let seen = |place: usize, instance| Seen {
        instance,
        publications: plan.delays[place].count(),
        p50_ms: count(plan.delays[place].percentile(50)) / 1000.0,
        p99_ms: count(plan.delays[place].percentile(99)) / 1000.0,
        tries: plan.tries[place],
        stale: plan.stale[place],
        requests_per_second: count(plan.answers[place]) / elapsed,
    };
    Ok([seen(0, "with little to do"), seen(1, "under load")])
}

/// What a connection asked for.
#[derive(Clone, Copy)]
enum Asked {
    /// The article, when the instance had answered this revision.
    Article {
        seen: i32,
    },
    Other(usize),
}

struct Watch<'a> {
    article: Vec<u8>,
    targets: &'a [Target],
    next: usize,
    shared: &'a Shared,
    asked: Vec<Asked>,
    delays: [Histogram; 2],
    tries: [u64; 2],
    stale: [u64; 2],
    answers: [u64; 2],
}

impl Plan for Watch<'_> {
    fn next(&mut self, connection: usize) -> &[u8] {
        self.next += 1;
        if self.next.is_multiple_of(2) {
            let seen = self.shared.seen[usize::from(connection >= QUIET)].load(Ordering::Relaxed);
            self.asked[connection] = Asked::Article { seen };
            &self.article
        } else {
            let place = self.next / 2 % self.targets.len();
            self.asked[connection] = Asked::Other(place);
            &self.targets[place].request
        }
    }

    fn answered(&mut self, connection: usize, status: u16, length: usize, body: &[u8]) -> Result<(), Failure> {
        let instance = usize::from(connection >= QUIET);
        self.answers[instance] += 1;
        let before = match self.asked[connection] {
            Asked::Other(place) => return self.targets[place].check(status, length),
            Asked::Article { .. } if status != 200 => {
                return Err(format!("the article was answered with {status}").into());
            }
            Asked::Article { seen } => seen,
        };
        let revision = revision(body)?;
        self.tries[instance] += 1;
        self.stale[instance] += u64::from(revision < before);
        if revision > self.shared.seen[instance].load(Ordering::Relaxed) {
            let now = Instant::now();
            let committed = self.shared.committed.lock().unwrap_or_else(PoisonError::into_inner);
            let place = usize::try_from(revision - self.shared.first - 1)?;
            let at = committed.get(place).ok_or("a revision was answered before it was published")?;
            self.delays[instance].record(now.saturating_duration_since(*at));
            self.shared.seen[instance].store(revision, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The revision that an article's answer has; it stands near the beginning.
fn revision(body: &[u8]) -> Result<i32, Failure> {
    let start = String::from_utf8_lossy(&body[..body.len().min(512)]).into_owned();
    let (_, rest) = start.split_once("\"revision\":").ok_or("an article without a revision")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Ok(rest[..digits].parse()?)
}

/// Publishes the same article again and again, through the library's own code.
struct Publisher {
    runtime: tokio::runtime::Runtime,
    db: Db,
    document: Document,
    count: usize,
}

impl Publisher {
    fn new(url: &str) -> Result<Publisher, Failure> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (db, document) = runtime.block_on(async {
            let db = Db::for_command(url)?;
            let slug: Slug = FIRST_ARTICLE.parse()?;
            let document = live(&mut *db.write().await?, &slug).await?;
            Ok::<_, Failure>((db, document))
        })?;
        Ok(Publisher { runtime, db, document, count: 0 })
    }

    /// Publishes the next revision; `committing` is called when all is done but the commit.
    fn publish(&mut self, committing: impl FnOnce() + Send) -> Result<i32, Failure> {
        self.count += 1;
        // Always of one length, so that the answers that show it keep theirs.
        self.document.summary = Some(format!("第{:08}次发布。", self.count));
        let (document, author) = (self.document.clone(), Author::local("bench"));
        self.runtime.block_on(async {
            let mut tx = PublishTx::begin(&self.db, &author).await?;
            let saved = tx.save_draft(document, &Precondition::Any).await?;
            tx.publish(saved.id, saved.revision).await?;
            committing();
            tx.commit().await?;
            Ok(saved.revision)
        })
    }

    fn publish_often(&mut self, publications: usize, shared: &Shared) -> Result<(), Failure> {
        for _ in 0..publications {
            let note = || shared.committed.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            let revision = self.publish(note)?;
            let deadline = Instant::now() + PATIENCE;
            while shared.seen.iter().any(|seen| seen.load(Ordering::Relaxed) < revision) {
                if shared.over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if Instant::now() > deadline {
                    return Err(format!("revision {revision} was not answered within {} s", PATIENCE.as_secs()).into());
                }
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(WATCH);
        }
        Ok(())
    }
}

/// What is published under a slug.
async fn live(connection: &mut AsyncPgConnection, slug: &Slug) -> Result<Document, Failure> {
    // Here only: it gives everything a `load`, numbers that threads share too.
    use diesel::{ExpressionMethods, QueryDsl};
    use diesel_async::RunQueryDsl;

    let row = articles::table.filter(articles::slug.eq(slug.as_str())).select((articles::id, articles::revision));
    let (id, number): (Uuid, i32) = row.first(connection).await?;
    Ok(revisions::read(connection, id, number).await?.document)
}
