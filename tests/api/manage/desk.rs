//! An editor at work: a service, and a key to it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{App, Body, Reply, article};

pub struct Desk {
    pub app: App,
    pub key: String,
}

impl Desk {
    /// A service without articles, and a key that may do everything.
    pub async fn empty() -> Desk {
        Desk::at(App::empty().await).await
    }

    pub async fn at(app: App) -> Desk {
        let key = app.key("read_drafts,write,publish,admin").await;
        Desk { app, key }
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.app.call(Method::GET, path, Some(&self.key), &[], None).await
    }

    /// Saves an article file; `known` is the `ETag` that the editor read.
    pub async fn put(&self, slug: &str, file: &str, known: Option<&str>) -> Reply {
        let headers: Vec<_> = known.map(|etag| ("if-match", etag)).into_iter().collect();
        let path = format!("/manage/v1/articles/{slug}");
        self.app.call(Method::PUT, &path, Some(&self.key), &headers, Some(Body::markdown(file))).await
    }

    /// Saves the next text of an article, whatever it was before.
    pub async fn save(&self, slug: &str, body: &str) -> Value {
        let reply = self.put(slug, &article(slug, "", body), Some("*")).await;
        if reply.status != 412 {
            return saved(&reply);
        }
        saved(&self.put(slug, &article(slug, "", body), None).await)
    }

    pub async fn post(&self, path: &str, body: &Value) -> Reply {
        let path = format!("/manage/v1/articles/{path}");
        self.app.call(Method::POST, &path, Some(&self.key), &[], Some(Body::json(body))).await
    }

    /// Publishes the latest revision.
    pub async fn publish(&self, slug: &str) -> Value {
        self.post(&format!("{slug}/publish"), &json!({})).await.ok()
    }

    pub async fn delete(&self, path: &str) -> Reply {
        self.app.call(Method::DELETE, &format!("/manage/v1/articles/{path}"), Some(&self.key), &[], None).await
    }

    /// The status that readers get.
    pub async fn status(&self, path: &str) -> u16 {
        self.app.get(path).await.status.as_u16()
    }
}

fn saved(reply: &Reply) -> Value {
    assert!(reply.status.is_success(), "{}: {}", reply.path, reply.text());
    reply.json()
}
