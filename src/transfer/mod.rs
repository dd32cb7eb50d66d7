//! Whole libraries in and out: article files, folders of them, captured pages. Goes through `publishing`; knows no HTTP
//! and no SQL.
//!
//! - [`import`]: files → drafts or published articles, with an account of what became of each.
//! - [`export`]: published articles → files that `import` turns into the same articles, hash for hash.
//! - [`mod@file`]: what a file is, and what it says.
//! - [`library`]: the bundled library, which an empty database is given on first start.
//! - [`report`]: what the command line prints of an import.

pub mod export;
pub mod file;
pub mod import;
pub mod library;
pub mod report;
