//! `lectern serve`: its flags and its start.

use std::{ffi::OsString, net::TcpListener, path::PathBuf, time::Duration};

use clap::Args;

use super::{Settings, database::with_database, misuse};
use crate::{
    app,
    db::{self, Db},
    error::Error,
    http::{cache_control::Lifetimes, client::TrustedProxies, limit::Limit, tls},
    publishing::publish,
    transfer::library,
};

/// Flags of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// The address to listen on; port 0 takes a free port
    #[arg(long, env = "LECTERN_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8080", value_parser = address)]
    listen: String,
    /// The number of worker threads [default: one a core]
    #[arg(long, env = "LECTERN_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,
    #[command(flatten)]
    delivery: Delivery,
    #[command(flatten)]
    clients: Clients,
    #[command(flatten)]
    identity: Identity,
}

/// Flags of the cache.
#[derive(Debug, Clone, Args)]
struct Delivery {
    /// The size of the response cache in memory, in MiB; 0 turns it off
    #[arg(long, env = "LECTERN_CACHE_MB", value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u32).range(0..=1_048_576))]
    cache_mb: u32,
    /// `max-age` of cacheable responses, in seconds
    #[arg(long, env = "LECTERN_MAX_AGE", value_name = "SECONDS", default_value_t = 60)]
    max_age: u32,
    /// `stale-while-revalidate` of cacheable responses, in seconds
    #[arg(long, env = "LECTERN_STALE_WHILE_REVALIDATE", value_name = "SECONDS", default_value_t = 600)]
    stale_while_revalidate: u32,
    /// `stale-if-error` of cacheable responses, in seconds; for as long, the service itself serves stale responses from memory
    /// while its database is unreachable
    #[arg(long, env = "LECTERN_STALE_IF_ERROR", value_name = "SECONDS", default_value_t = 86_400)]
    stale_if_error: u32,
}

/// Flags of clients and monitoring.
#[derive(Debug, Clone, Args)]
struct Clients {
    /// The rate limit of a client, requests/seconds or `off` [default: 1200/60, and no limit from loopback]
    #[arg(long, env = "LECTERN_RATE_LIMIT", value_name = "REQUESTS/SECONDS")]
    rate_limit: Option<Limit>,
    /// Proxies trusted to name the client's address: addresses and networks, separated by commas
    #[arg(
        long,
        env = "LECTERN_TRUSTED_PROXIES",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    trusted_proxies: TrustedProxies,
    /// A separate address for `/metrics` [default: the address of the service]
    #[arg(long, env = "LECTERN_METRICS_LISTEN", value_name = "ADDRESS", value_parser = address)]
    metrics_listen: Option<String>,
}

/// Flags of TLS.
#[derive(Debug, Clone, Args)]
struct Identity {
    /// The certificate chain in PEM; with it the service speaks HTTPS, HTTP/2 included [default: none]
    #[arg(long, env = "LECTERN_TLS_CERT", value_name = "FILE")]
    tls_cert: Option<OsString>,
    /// The private key of the certificate in PEM, not encrypted [default: none]
    #[arg(long, env = "LECTERN_TLS_KEY", value_name = "FILE")]
    tls_key: Option<OsString>,
}

impl Identity {
    /// Reads the files; `None` for plain HTTP.
    fn read(&self) -> Result<Option<rustls::ServerConfig>, Error> {
        // An empty variable counts as unset; clap's `requires` would count it as set.
        let given = |file: &Option<OsString>| file.as_ref().filter(|file| !file.is_empty()).map(PathBuf::from);
        match (given(&self.tls_cert), given(&self.tls_key)) {
            (Some(certificate), Some(key)) => tls::read(&certificate, &key).map(Some),
            (None, None) => Ok(None),
            (Some(_), None) => misuse("--tls-cert needs --tls-key"),
            (None, Some(_)) => misuse("--tls-key needs --tls-cert"),
        }
    }
}

impl Serve {
    /// Runs the service until it is stopped.
    pub(super) fn run(self, settings: &Settings) -> Result<bool, Error> {
        let app_settings = self.app_settings()?;
        with_database(settings, async |database| self.serve(database, settings, &app_settings).await)
    }

    fn app_settings(&self) -> Result<app::Settings, Error> {
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        let Serve { delivery, clients, .. } = self;
        Ok(app::Settings {
            workers: self.workers.map(usize::from),
            signals: true,
            cache_bytes: delivery.cache_mb as usize * 1024 * 1024,
            lifetimes: Lifetimes {
                max_age: seconds(delivery.max_age),
                stale_while_revalidate: seconds(delivery.stale_while_revalidate),
                stale_if_error: seconds(delivery.stale_if_error),
            },
            rate_limit: clients.rate_limit.unwrap_or_default(),
            trusted_proxies: clients.trusted_proxies.clone(),
            tls: self.identity.read()?,
            ..app::Settings::default()
        })
    }

    async fn serve(&self, database: &str, settings: &Settings, app_settings: &app::Settings) -> Result<bool, Error> {
        let start = Db::for_command(database)?;
        let loaded = library::load(&start).await?;
        if loaded > 0 {
            log::info!("bundled library published, articles={loaded}");
        }
        let rebuilt = publish::rebuild(&start).await?;
        if rebuilt > 0 {
            log::info!("articles rendered again, articles={rebuilt}");
        }
        drop(start);

        let bind = |listen: &str| {
            let unusable = |e: std::io::Error| Error::internal("the service cannot listen", format!("{listen}: {e}"));
            let listener = TcpListener::bind(listen).map_err(unusable)?;
            let address = listener.local_addr().map_err(unusable)?;
            Ok::<_, Error>((listener, address))
        };
        let (listener, address) = bind(&self.listen)?;
        let (metrics, metrics_address) = self.clients.metrics_listen.as_deref().map(bind).transpose()?.unzip();
        let replicas = settings.database_read_url.iter().filter(|url| !url.is_empty()).cloned().collect();
        let db = Db::new(&db::Settings { url: database.to_owned(), replicas, connections: db::CONNECTIONS })?;
        let running = app::start(listener, metrics, &db, app_settings)?;
        running.followed(Duration::from_secs(1)).await;
        // Earlier log lines come first.
        log::logger().flush();
        let base = format!("{}://{address}", if app_settings.tls.is_some() { "https" } else { "http" });
        eprintln!("listening on {base}");
        eprintln!("  reader   {base}/");
        eprintln!("  docs     {base}/docs");
        if let Some(address) = metrics_address {
            eprintln!("  metrics  http://{address}/metrics");
        }
        eprintln!("  article  {base}/v1/articles/{}", library::FIRST_ARTICLE);
        running.ended().await?;
        Ok(true)
    }
}

/// Parses an address to listen on: a host and a port.
fn address(text: &str) -> Result<String, String> {
    let port = text.rsplit_once(':').and_then(|(host, port)| port.parse::<u16>().ok().filter(|_| !host.is_empty()));
    port.map(|_| text.to_owned()).ok_or_else(|| "expected a host and a port, such as 127.0.0.1:8080".to_owned())
}
