//! Lectern: a content API for long-form, sectioned health articles, Chinese first.
//!
//! Content flows one way:
//!
//! ```text
//! files, captured pages → content (parse) → publishing (the only writer) → Postgres → v1 (read) → http → client
//! ```
//!
//! Only one thing points back: Postgres tells the cache in [`http`] which tags changed.
//!
//! - [`content`] what text is: pure functions, no database, no HTTP
//! - [`publishing`] the only code that changes content; every change is one transaction with a row in the log
//! - [`transfer`] whole libraries in and out
//! - [`v1`] the public API, one file a feature; reads the public half of the database only
//! - [`manage`] the API that changes things: reads the request, calls `publishing`, answers
//! - [`views`] how often articles are read: counted in memory
//! - [`finished`] whole articles that were assembled once, on their way into the database
//! - [`http`] what every request shares; the cache of finished answers
//! - [`db`] the way to Postgres
//! - [`web`] the pages at `/` and `/read/…`
//! - [`openapi`] the document that describes the API
//! - [`app`] puts it together; the service and the tests both start it there
//! - [`cli`] commands, flags, settings
//! - [`logging`] the log: its forms, and its way to stderr
//! - [`error`] what can go wrong, and its one table
//!
//! The URL is the path of the source: `/v1/topics` is `src/v1/topics.rs`.

pub mod app;
pub mod capture;
pub mod cli;
pub mod content;
pub mod db;
pub mod error;
pub mod finished;
pub mod http;
pub mod logging;
pub mod manage;
pub mod openapi;
pub mod publishing;
pub mod transfer;
pub mod v1;
pub mod views;
pub mod web;
