//! Import and export of libraries: article files, folders, captured pages. It writes through `publishing`, without HTTP and
//! SQL.
//!
//! - [`import`]: files → drafts or published articles, with a report of each.
//! - [`export`]: published articles → files that `import` turns into the same articles, hash for hash.
//! - [`mod@file`]: finding and parsing files.
//! - [`library`]: the bundled library, which the first start on an empty database publishes.
//! - [`report`]: the reports that the command line prints.

pub mod export;
pub mod file;
pub mod import;
pub mod library;
pub mod report;
