//! What every address of an article that was ever served answers, and what it must.

use std::fmt::Write;

use futures_util::{StreamExt, stream};
use lectern::error::Error;
use reqwest::Method;
use uuid::Uuid;

use super::history::{History, Revision, TRIAL};
use crate::harness::Reply;

/// A section as readers see it.
pub(super) struct Seen {
    id: Uuid,
    anchor: String,
    number: String,
}

impl History<'_> {
    /// Reads what is served, and takes it into the books.
    pub(super) async fn see(&mut self) {
        self.app.catch_up().await;
        let list = self.ask("?flat=true&format=text").await.ok();
        let Revision { model, ids } = &self.revisions[self.live.unwrap() - 1];
        self.today.clear();
        for (place, part) in list["data"].as_array().unwrap().iter().enumerate() {
            let text = |name: &str| part[name].as_str().unwrap().to_owned();
            let (id, anchor): (Uuid, _) = (text("id").parse().unwrap(), text("anchor"));
            assert_eq!(id, ids[place]);
            assert_eq!(text("text").trim(), model.sections[place].text.concat(), "another text at {anchor}");
            for reference in [id.to_string(), anchor.clone()] {
                assert_eq!(*self.served.entry(reference).or_insert(id), id, "{anchor} went to another section");
            }
            self.numbers.insert(text("number"), id);
            self.today.push(Seen { id, anchor, number: text("number") });
        }
        assert_eq!(self.today.len(), ids.len());
    }

    async fn ask(&self, tail: &str) -> Reply {
        self.app.send(Method::GET, &format!("/v1/articles/{}/sections{tail}", self.slug), &[]).await
    }

    /// Every address that was ever served answers as it must, and the newest draft can be published.
    pub(super) async fn check(&mut self) {
        self.app.catch_up().await;
        let numbers = self.numbers.iter().filter(|(number, _)| self.today.iter().all(|seen| seen.number != **number));
        let today = self.today.iter().map(|seen| (&seen.number, &seen.id));
        let all: Vec<_> = self.served.iter().chain(numbers).chain(today).collect();
        let faults: Vec<String> = stream::iter(all)
            .map(async |(reference, id)| self.fault(reference, *id).await)
            .buffer_unordered(4)
            .filter_map(std::future::ready)
            .collect()
            .await;
        assert!(faults.is_empty(), "{faults:#?}");
        if let Some((reference, slug)) = self.served.keys().next().zip(self.earlier_slugs.last()) {
            let reply = self.app.send(Method::GET, &format!("/v1/articles/{slug}/sections/{reference}"), &[]).await;
            if self.live.is_some() {
                assert_eq!(reply.header("location"), format!("/v1/articles/{}/sections/{reference}", self.slug));
            }
            assert_eq!(reply.status, if self.live.is_some() { 308 } else { 410 });
        }
        if self.live != Some(self.revisions.len()) {
            let trial = self.try_publish(self.revisions.len(), true).await;
            assert!(matches!(&trial, Err(Error::Conflict(why)) if why == TRIAL), "the newest draft: {trial:?}");
        }
    }

    /// What is wrong with the answer at `reference`, which means the section `id`.
    async fn fault(&self, reference: &str, id: Uuid) -> Option<String> {
        // A withdrawn article may have moved meanwhile: its id is an address that stays.
        let article = if self.live.is_some() { self.slug.clone() } else { self.id.to_string() };
        let reply = self.app.send(Method::GET, &format!("/v1/articles/{article}/sections/{reference}"), &[]).await;
        let expected = match self.today.iter().find(|seen| seen.id == id) {
            None => "410".to_owned(),
            Some(Seen { anchor, number, .. }) if [anchor, number, &id.to_string()].contains(&&reference.to_owned()) => {
                format!("200 {id}")
            }
            Some(Seen { anchor, .. }) => format!("308 /v1/articles/{}/sections/{anchor}", self.slug),
        };
        let mut given = reply.status.as_u16().to_string();
        match reply.status.as_u16() {
            200 => {
                let _ = write!(given, " {}", reply.json()["id"].as_str().unwrap_or_default());
            }
            308 => {
                let _ = write!(given, " {}", reply.header("location"));
            }
            _ => {}
        }
        (given != expected).then(|| format!("{reference} answers {given}, not {expected}"))
    }
}
