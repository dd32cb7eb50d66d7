//! The time from the commit of a publication to the first new response of other instances under load, and the responses
//! after that.
//!
//! Two services share a database, and this process publishes as a third would. Every second request is for the article
//! that is published repeatedly. A response is stale if it has an older revision than a response that the same instance
//! had given before the request was sent.

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
    http::{Client, Target, request, targets},
    library::Library,
    load::{Load, Plan, Until, count, micros, percentile},
    servers::Server,
    settings::Settings,
};

/// The longest time from a publication to a new response.
const PROPAGATION_LIMIT: Duration = Duration::from_secs(10);

/// The time for which new responses are watched before the next publication.
const WATCH: Duration = Duration::from_millis(40);

/// The connections to the idle instance.
const IDLE_CONNECTIONS: usize = 4;

/// The figures of one instance.
#[derive(Debug, Serialize)]
pub struct Propagation {
    pub instance: &'static str,
    pub publications: usize,
    pub p50_ms: f64,
    pub p99_ms: f64,
    /// Responses with the article to requests that were sent after the first new response.
    pub reads: u64,
    /// The number of those with an older revision.
    pub stale: u64,
    pub responses_per_second: f64,
}

/// The state that the publisher and the load share.
struct Shared {
    /// The time of each commit, in the order of revisions.
    committed: Mutex<Vec<Instant>>,
    /// The revision before the first measured publication.
    first: i32,
    /// The newest revision that each instance delivered.
    seen: [AtomicI32; 2],
    is_over: AtomicBool,
}

/// Publishes `settings.publications` times and measures both instances.
pub fn run(settings: &Settings, library: &Library, busy: &Server, idle: &Server) -> Result<[Propagation; 2], Failure> {
    let mut publisher = Publisher::new(&library.url)?;
    // The measured texts have one length, which differs from the bundled text's; related articles show the summary too.
    let first = publisher.publish(|| {})?;
    let deadline = Instant::now() + PROPAGATION_LIMIT;
    let path = format!("/v1/articles/{FIRST_ARTICLE}");
    for server in [busy, idle] {
        while revision(&Client::new(server.address)?.get(&path)?.body)? < first {
            if Instant::now() > deadline {
                return Err("a publication does not reach a running service".into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
    let others = library.slugs.iter().filter(|slug| *slug != FIRST_ARTICLE);
    let targets = targets(busy, 200, others.map(|slug| request("GET", &format!("/v1/articles/{slug}"), "")))?;

    let shared = Arc::new(Shared {
        committed: Mutex::default(),
        first,
        seen: [AtomicI32::new(first), AtomicI32::new(first)],
        is_over: AtomicBool::new(false),
    });
    let mut addresses: Vec<SocketAddr> = vec![idle.address; IDLE_CONNECTIONS];
    addresses.resize(IDLE_CONNECTIONS + settings.connections, busy.address);
    let mut load = Load::new(&addresses)?;
    let mut plan = Watch {
        article: request("GET", &path, ""),
        targets: &targets,
        next: 0,
        shared: &shared,
        sent: vec![Sent::Article { seen: 0 }; addresses.len()],
        counts: Default::default(),
    };
    // Everything is in memory before the first publication.
    load.run(&mut plan, Until::Responses(targets.len() as u64 * 4))?;
    plan.counts = Default::default();

    let writer = Arc::clone(&shared);
    let publications = settings.publications;
    let publishing = thread::spawn(move || {
        let result = publisher.publish_repeatedly(publications, &writer);
        writer.is_over.store(true, Ordering::Relaxed);
        result
    });
    let limit = (WATCH + PROPAGATION_LIMIT) * u32::try_from(publications)?;
    let measured = load.run(&mut plan, Until::Flag(&shared.is_over, limit));
    shared.is_over.store(true, Ordering::Relaxed);
    publishing.join().map_err(|_| "the publisher panicked")??;
    let elapsed = measured?.elapsed.as_secs_f64();

    let [idle, busy] = plan.counts;
    let propagation = |mut counts: Counts, instance| {
        counts.delays.sort_unstable();
        let percentile_ms = |percent| f64::from(percentile(&counts.delays, percent)) / 1000.0;
        Propagation {
            instance,
            publications: counts.delays.len(),
            p50_ms: percentile_ms(50),
            p99_ms: percentile_ms(99),
            reads: counts.reads,
            stale: counts.stale,
            responses_per_second: count(counts.responses) / elapsed,
        }
    };
    Ok([propagation(idle, "idle"), propagation(busy, "busy")])
}

/// The request that a connection sent.
#[derive(Clone, Copy)]
enum Sent {
    /// The published article, and the newest revision that the instance had delivered.
    Article {
        seen: i32,
    },
    Other(usize),
}

#[derive(Default)]
struct Counts {
    /// From commit to first new response, in microseconds.
    delays: Vec<u32>,
    reads: u64,
    stale: u64,
    responses: usize,
}

struct Watch<'a> {
    article: Vec<u8>,
    targets: &'a [Target],
    next: usize,
    shared: &'a Shared,
    sent: Vec<Sent>,
    counts: [Counts; 2],
}

impl Plan for Watch<'_> {
    fn next(&mut self, connection: usize) -> &[u8] {
        self.next += 1;
        if self.next.is_multiple_of(2) {
            let seen = self.shared.seen[instance(connection)].load(Ordering::Relaxed);
            self.sent[connection] = Sent::Article { seen };
            &self.article
        } else {
            let index = self.next / 2 % self.targets.len();
            self.sent[connection] = Sent::Other(index);
            &self.targets[index].request
        }
    }

    fn receive(&mut self, connection: usize, status: u16, length: usize, body: &[u8]) -> Result<(), Failure> {
        let instance = instance(connection);
        let counts = &mut self.counts[instance];
        counts.responses += 1;
        let before = match self.sent[connection] {
            Sent::Other(index) => return self.targets[index].check(status, length),
            Sent::Article { .. } if status != 200 => return Err(format!("the article has status {status}").into()),
            Sent::Article { seen } => seen,
        };
        let revision = revision(body)?;
        counts.reads += 1;
        counts.stale += u64::from(revision < before);
        if revision > self.shared.seen[instance].load(Ordering::Relaxed) {
            let now = Instant::now();
            let committed = self.shared.committed.lock().unwrap_or_else(PoisonError::into_inner);
            let index = usize::try_from(revision - self.shared.first - 1)?;
            let at = committed.get(index).ok_or("a revision was delivered before it was published")?;
            counts.delays.push(micros(now.saturating_duration_since(*at)));
            self.shared.seen[instance].store(revision, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Returns the instance of a connection: 0 is idle, 1 is busy.
fn instance(connection: usize) -> usize {
    usize::from(connection >= IDLE_CONNECTIONS)
}

/// Returns the revision in an article's response, which is near the start.
fn revision(body: &[u8]) -> Result<i32, Failure> {
    let start = String::from_utf8_lossy(&body[..body.len().min(512)]).into_owned();
    let (_, rest) = start.split_once("\"revision\":").ok_or("an article without a revision")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    Ok(rest[..digits].parse()?)
}

/// Publishes one article repeatedly, through the service's own code.
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
            let document = published_document(&mut *db.write().await?, &slug).await?;
            Ok::<_, Failure>((db, document))
        })?;
        Ok(Publisher { runtime, db, document, count: 0 })
    }

    /// Publishes the next revision and calls `committing` just before the commit.
    fn publish(&mut self, committing: impl FnOnce() + Send) -> Result<i32, Failure> {
        self.count += 1;
        // Of constant length, so that the responses that show it keep theirs.
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

    fn publish_repeatedly(&mut self, publications: usize, shared: &Shared) -> Result<(), Failure> {
        for _ in 0..publications {
            let record = || shared.committed.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
            let revision = self.publish(record)?;
            let deadline = Instant::now() + PROPAGATION_LIMIT;
            while shared.seen.iter().any(|seen| seen.load(Ordering::Relaxed) < revision) {
                if shared.is_over.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if Instant::now() > deadline {
                    return Err(format!(
                        "revision {revision} was not delivered within {} s",
                        PROPAGATION_LIMIT.as_secs()
                    )
                    .into());
                }
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(WATCH);
        }
        Ok(())
    }
}

/// Returns the published document of a slug.
async fn published_document(connection: &mut AsyncPgConnection, slug: &Slug) -> Result<Document, Failure> {
    // Imported here only: its `load` would hide that of atomics.
    use diesel::{ExpressionMethods, QueryDsl};
    use diesel_async::RunQueryDsl;

    let row = articles::table.filter(articles::slug.eq(slug.as_str())).select((articles::id, articles::revision));
    let (id, number): (Uuid, i32) = row.first(connection).await?;
    Ok(revisions::read(connection, id, number).await?.document)
}
