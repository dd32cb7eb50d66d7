//! The delivery suite's main part: responses from memory, beside peers that deliver the same bytes.

use std::{fs, path::Path};

use crate::{
    Failure,
    bare::KINDS,
    http::{Client, Target, request, targets},
    library::Library,
    measure::{Row, Sample, measure},
    servers::Server,
    settings::Settings,
};

/// A section that every article has.
const SECTION: &str = "/sections/1";

/// One line of the report, with the requests that each server gets.
struct Work {
    name: &'static str,
    lectern: Vec<Target>,
    bare: Vec<Target>,
    nginx: Option<Vec<Target>>,
}

/// Gets from the service what the peers will deliver and writes it to files below `bytes`; returns notes for the report.
pub fn write_bytes(lectern: &Server, library: &Library, bytes: &Path) -> Result<Vec<String>, Failure> {
    for kind in KINDS {
        fs::create_dir_all(bytes.join(kind))?;
    }
    let mut client = Client::new(lectern.address)?;
    let (mut uncompressed, mut size) = (0, 0);
    for slug in &library.slugs {
        let path = format!("/v1/articles/{slug}");
        let article = client.get(&path)?;
        size += article.body.len();
        fs::write(bytes.join("v1/articles").join(slug), article.body)?;
        let compressed = client.send(&request("GET", &path, "Accept-Encoding: br\r\n"))?;
        uncompressed += usize::from(compressed.field("content-encoding") != Some("br"));
        fs::write(bytes.join("br").join(slug), compressed.body)?;
        fs::write(bytes.join("sections").join(slug), client.get(&format!("{path}{SECTION}"))?.body)?;
    }
    fs::write(bytes.join("list/first"), client.get("/v1/articles")?.body)?;
    let count = library.slugs.len();
    let mut notes = vec![format!("{count} articles are read, {} bytes each on average", size / count)];
    if uncompressed > 0 {
        notes.push(format!("{uncompressed} of them are not compressed: \"article br\" reads their plain bytes"));
    }
    Ok(notes)
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
        let row = Row::new(work.name, "lectern", own);
        rows.extend(row.map(|row| row.beside("bare", own, bares).beside("nginx", own, nginxes)));
        rows.extend(Row::new(work.name, "bare", bares));
        rows.extend(Row::new(work.name, "nginx", nginxes));
    }
    Ok(rows)
}

fn works(library: &Library, lectern: &Server, bare: &Server, nginx: Option<&Server>) -> Result<Vec<Work>, Failure> {
    let slugs = &library.slugs;
    let each = |method: &str, stem: &str, tail: &str, fields: &str| -> Vec<Vec<u8>> {
        slugs.iter().map(|slug| request(method, &format!("{stem}{slug}{tail}"), fields)).collect()
    };
    let single = |method: &str, path: &str| vec![request(method, path, "")];
    let work = |name, status, own, of_bare, of_nginx: Option<Vec<Vec<u8>>>| {
        let of_nginx = nginx.zip(of_nginx).map(|(server, requests)| targets(server, status, requests));
        Ok::<_, Failure>(Work {
            name,
            lectern: targets(lectern, status, own)?,
            bare: targets(bare, status, of_bare)?,
            nginx: of_nginx.transpose()?,
        })
    };
    let article = |method| each(method, "/v1/articles/", "", "");
    let br = each("GET", "/v1/articles/", "", "Accept-Encoding: br\r\n");
    let stored_br = each("GET", "/br/", "", "");
    let section = each("GET", "/v1/articles/", SECTION, "");
    let stored_section = each("GET", "/sections/", "", "");
    let stored_list = single("GET", "/list/first");
    let conditional_of_nginx = nginx.map(|server| conditional(server, slugs)).transpose()?;
    let view = each("POST", "/v1/articles/", "/views", "");
    Ok(vec![
        work("article", 200, article("GET"), article("GET"), Some(article("GET")))?,
        work("article br", 200, br, stored_br.clone(), Some(stored_br))?,
        work("article 304", 304, conditional(lectern, slugs)?, single("GET", "/not-modified"), conditional_of_nginx)?,
        work("article HEAD", 200, article("HEAD"), single("GET", "/empty"), Some(article("HEAD")))?,
        work("small (/v1)", 200, single("GET", "/v1"), single("GET", "/empty"), None)?,
        work("list", 200, single("GET", "/v1/articles"), stored_list.clone(), Some(stored_list))?,
        work("section", 200, section, stored_section.clone(), Some(stored_section))?,
        work("view (POST)", 204, view, single("POST", "/no-content"), None)?,
    ])
}

/// Returns requests with the current `ETag` of each article.
fn conditional(server: &Server, slugs: &[String]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut client = Client::new(server.address)?;
    let conditional = |slug: &String| {
        let path = format!("/v1/articles/{slug}");
        let response = client.get(&path)?;
        let etag = response.field("etag").ok_or_else(|| format!("{path} has no ETag"))?;
        Ok(request("GET", &path, &format!("If-None-Match: {etag}\r\n")))
    };
    slugs.iter().map(conditional).collect()
}
