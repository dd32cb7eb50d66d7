//! Lectern: a content API for long-form, sectioned health articles, Chinese first.
//!
//! Content flows one way:
//!
//! ```text
//! files, captured pages, editors → capture, content (parse) → publishing (the only writer) → Postgres → v1 (read) → cache → http → client
//! ```
//!
//! Only the change log points back: its tags invalidate cache entries.
//!
//! - [`content`] the document model: pure functions, no database, no HTTP
//! - [`capture`] captured pages to documents; pure
//! - [`publishing`] the only writer of content; every change is one transaction with a row in the change log
//! - [`transfer`] import and export of libraries
//! - [`db`] connection pools, the change log, embedded Postgres
//! - [`cache`] memory and the response store behind one call; invalidation
//! - [`http`] everything that requests share
//! - [`v1`] the public API, one file or folder a feature; reads published tables only
//! - [`manage`] the write API: parses the request, calls `publishing`, responds
//! - [`web`] the pages for people at `/` and `/read/…`
//! - [`openapi`] the description of the API
//! - [`app`] starts all of it, for the command and for tests
//! - [`cli`] commands, flags, settings
//! - [`logging`] log forms, and the writer to stderr
//! - [`error`] the one table of errors
//!
//! The URL is the path of the source: `/v1/topics` is `src/v1/topics.rs`.

pub mod app;
pub mod cache;
pub mod capture;
pub mod cli;
pub mod content;
pub mod db;
pub mod error;
pub mod http;
pub mod logging;
pub mod manage;
pub mod openapi;
pub mod publishing;
pub mod transfer;
pub mod v1;
pub mod web;
