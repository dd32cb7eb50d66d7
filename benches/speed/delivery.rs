//! The work that is measured: every kind of answer, beside peers that deliver the same bytes.

use std::{fs, path::Path};

use crate::{
    Failure,
    answer::{Answer, Client, request},
    load::Target,
    measure::{Row, Sample, measure},
    peer::KINDS,
    servers::Server,
    settings::Settings,
    store::Library,
};

/// The article whose section is read: every article has a first one.
const SECTION: &str = "sections/1";

/// The bare server's answers without a body.
const EMPTY: &str = "/empty";

struct Work {
    name: &'static str,
    lectern: Vec<Target>,
    bare: Vec<Target>,
    nginx: Option<Vec<Target>>,
}

/// Asks the service for everything that its peers will deliver, and writes it as files below `bytes`. Says what is worth
/// knowing of it.
pub fn write_bytes(lectern: &Server, library: &Library, bytes: &Path) -> Result<Vec<String>, Failure> {
    for kind in KINDS {
        fs::create_dir_all(bytes.join(kind))?;
    }
    let mut client = Client::new(lectern.address)?;
    let mut plain = 0;
    let mut size = 0;
    for slug in &library.slugs {
        let path = format!("/v1/articles/{slug}");
        let article = client.get(&path)?;
        size += article.body.len();
        fs::write(bytes.join("v1/articles").join(slug), article.body)?;
        let compressed = good(client.ask(&request("GET", &path, "Accept-Encoding: br\r\n"))?, &path)?;
        plain += usize::from(compressed.field("content-encoding") != Some("br"));
        fs::write(bytes.join("br").join(slug), compressed.body)?;
        fs::write(bytes.join("sections").join(slug), client.get(&format!("{path}/{SECTION}"))?.body)?;
    }
    fs::write(bytes.join("list/first"), client.get("/v1/articles")?.body)?;
    let count = library.slugs.len();
    let mut notes = vec![format!("{count} articles are read, {} bytes each on average", size / count)];
    if plain > 0 {
        notes.push(format!("{plain} of them do not come compressed: \"article br\" means their plain bytes"));
    }
    Ok(notes)
}

fn good(answer: Answer, path: &str) -> Result<Answer, Failure> {
    if answer.status == 200 { Ok(answer) } else { Err(format!("{path}: {}", answer.status).into()) }
}

/// Measures all work on all servers, round by round.
pub fn run(
    settings: &Settings,
    library: &Library,
    lectern: &Server,
    bare: &Server,
    nginx: Option<&Server>,
) -> Result<Vec<Row>, Failure> {
    let mut works = works(library, lectern, bare, nginx)?;
    works.retain(|work| settings.wants_work(work.name));
    let mut samples: Vec<[Vec<Sample>; 3]> = works.iter().map(|_| Default::default()).collect();
    for round in 1..=settings.rounds {
        eprintln!("delivery, {} articles, round {round} of {}", library.articles, settings.rounds);
        for (work, [own, bares, nginxes]) in works.iter().zip(&mut samples) {
            bares.push(measure(settings, bare, &work.bare)?);
            if let (Some(server), Some(targets)) = (nginx, &work.nginx) {
                nginxes.push(measure(settings, server, targets)?);
            }
            own.push(measure(settings, lectern, &work.lectern)?);
        }
    }
    let mut rows = Vec::new();
    for (work, [own, bares, nginxes]) in works.iter().zip(&samples) {
        let row = Row::of(work.name, "lectern", own);
        rows.extend(row.map(|row| row.beside("bare", own, bares).beside("nginx", own, nginxes)));
        rows.extend(Row::of(work.name, "bare", bares));
        rows.extend(Row::of(work.name, "nginx", nginxes));
    }
    Ok(rows)
}

fn works(library: &Library, lectern: &Server, bare: &Server, nginx: Option<&Server>) -> Result<Vec<Work>, Failure> {
    let slugs = &library.slugs;
    let walk = |method: &str, place: &str, tail: &str, fields: &str| -> Vec<Vec<u8>> {
        slugs.iter().map(|slug| request(method, &format!("{place}{slug}{tail}"), fields)).collect()
    };
    let one = |method: &str, path: &str| vec![request(method, path, "")];
    let asked = |server: &Server, status, requests| targets(server, status, requests);
    let of_nginx = |status, requests| nginx.map(|server| targets(server, status, requests)).transpose();
    let article = walk("GET", "/v1/articles/", "", "");
    Ok(vec![
        Work {
            name: "article",
            lectern: asked(lectern, 200, article.clone())?,
            bare: asked(bare, 200, article.clone())?,
            nginx: of_nginx(200, article.clone())?,
        },
        Work {
            name: "article br",
            lectern: asked(lectern, 200, walk("GET", "/v1/articles/", "", "Accept-Encoding: br\r\n"))?,
            bare: asked(bare, 200, walk("GET", "/br/", "", ""))?,
            nginx: of_nginx(200, walk("GET", "/br/", "", ""))?,
        },
        Work {
            name: "article 304",
            lectern: asked(lectern, 304, conditional(lectern, slugs)?)?,
            bare: asked(bare, 304, one("GET", "/not-modified"))?,
            nginx: match nginx {
                Some(server) => Some(targets(server, 304, conditional(server, slugs)?)?),
                None => None,
            },
        },
        Work {
            name: "article HEAD",
            lectern: asked(lectern, 200, walk("HEAD", "/v1/articles/", "", ""))?,
            bare: asked(bare, 200, one("GET", EMPTY))?,
            nginx: of_nginx(200, walk("HEAD", "/v1/articles/", "", ""))?,
        },
        Work {
            name: "small (/v1)",
            lectern: asked(lectern, 200, one("GET", "/v1"))?,
            bare: asked(bare, 200, one("GET", EMPTY))?,
            nginx: None,
        },
        Work {
            name: "list",
            lectern: asked(lectern, 200, one("GET", "/v1/articles"))?,
            bare: asked(bare, 200, one("GET", "/list/first"))?,
            nginx: of_nginx(200, one("GET", "/list/first"))?,
        },
        Work {
            name: "section",
            lectern: asked(lectern, 200, walk("GET", "/v1/articles/", &format!("/{SECTION}"), ""))?,
            bare: asked(bare, 200, walk("GET", "/sections/", "", ""))?,
            nginx: of_nginx(200, walk("GET", "/sections/", "", ""))?,
        },
        Work {
            name: "view (POST)",
            lectern: asked(lectern, 204, walk("POST", "/v1/articles/", "/views", ""))?,
            bare: asked(bare, 204, one("POST", "/no-content"))?,
            nginx: None,
        },
    ])
}

/// Requests for articles that the client has already, each with the article's own tag.
fn conditional(server: &Server, slugs: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut client = Client::new(server.address)?;
    let one = |slug: &String| {
        let path = format!("/v1/articles/{slug}");
        let answer = client.get(&path)?;
        let tag = answer.field("etag").ok_or_else(|| format!("{path} has no ETag"))?;
        Ok(request("GET", &path, &format!("If-None-Match: {tag}\r\n")))
    };
    slugs.iter().map(one).collect()
}

/// The requests with the answers that they have now, which must have the status `status`.
pub fn targets(server: &Server, status: u16, requests: Vec<Vec<u8>>) -> Result<Vec<Target>, Failure> {
    let mut client = Client::new(server.address)?;
    let one = |request: Vec<u8>| {
        let answer = client.ask(&request)?;
        let length = if answer.body.is_empty() { answer.length.unwrap_or_default() } else { answer.body.len() };
        let target = Target { request, status, length };
        target.check(answer.status, length)?;
        Ok(target)
    };
    requests.into_iter().map(one).collect()
}
