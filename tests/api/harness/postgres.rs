//! One Postgres for the run, and a database for each test.

use std::{
    process::{Command, Stdio},
    sync::OnceLock,
};

use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use lectern::{
    db::{
        Db,
        embedded::{EmbeddedPostgres, Options},
        migrate,
    },
    transfer::library,
};
use uuid::Uuid;

/// The run's Postgres, without durability: a test that crashes it starts over.
struct Postgres {
    server: EmbeddedPostgres,
}

/// The template databases, each made once: an empty one and one with the bundled library.
static TEMPLATES: tokio::sync::OnceCell<(&'static Postgres, String, String)> = tokio::sync::OnceCell::const_new();

fn postgres() -> &'static Postgres {
    static POSTGRES: OnceLock<Postgres> = OnceLock::new();
    POSTGRES.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("lectern-test-{}", std::process::id()));
        let server = EmbeddedPostgres::start_with(&folder, Options { durable: false }).unwrap();
        // A test binary has no end that could stop the server. This child waits for the end of its input, which comes
        // with ours however that is, and then stops the server and takes its folder away.
        let wait = r#"cat; kill -QUIT "$(head -n 1 "$0/data/postmaster.pid")" && sleep 1; rm -rf "$0""#;
        let mut child = Command::new("sh");
        child.args(["-c", wait]).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        std::os::unix::process::CommandExt::process_group(&mut child, 0);
        Box::leak(Box::new(child.spawn().unwrap()));
        Postgres { server }
    })
}

/// The address of another database of the same server.
fn database_url(postgres: &Postgres, name: &str) -> String {
    postgres.server.url().strip_suffix("/lectern").map(|stem| format!("{stem}/{name}")).unwrap()
}

async fn admin(postgres: &Postgres, sql: &str) {
    let mut connection = AsyncPgConnection::establish(&database_url(postgres, "postgres")).await.unwrap();
    connection.batch_execute(sql).await.unwrap();
}

async fn templates() -> &'static (&'static Postgres, String, String) {
    TEMPLATES
        .get_or_init(|| async {
            let postgres = tokio::task::spawn_blocking(postgres).await.unwrap();
            admin(postgres, "create database empty_template").await;
            let url = database_url(postgres, "empty_template");
            migrate::run(&url).await.unwrap();
            admin(postgres, "create database library_template template empty_template").await;
            let url = database_url(postgres, "library_template");
            library::load(&Db::for_command(&url).unwrap()).await.unwrap();
            let mut connection = AsyncPgConnection::establish(&url).await.unwrap();
            // A date is believed only some seconds after the change.
            let age = "update changes set at = at - interval '1 minute'; update site set updated_at = updated_at - interval '1 minute'";
            connection.batch_execute(age).await.unwrap();
            (postgres, "empty_template".to_owned(), "library_template".to_owned())
        })
        .await
}

/// A database of its own for a test; its address.
pub async fn empty_database() -> String {
    new_database(false).await
}

/// The same with the bundled library in it.
pub async fn library_database() -> String {
    new_database(true).await
}

async fn new_database(library: bool) -> String {
    static ONE_AT_A_TIME: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    let (postgres, empty, with_library) = templates().await;
    let template = if library { with_library } else { empty };
    let name = format!("test_{}", Uuid::now_v7().simple());
    // Postgres copies a template for one at a time.
    let _turn = ONE_AT_A_TIME.lock().await;
    admin(postgres, &format!("create database {name} template {template}")).await;
    database_url(postgres, &name)
}
