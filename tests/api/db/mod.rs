//! The way to Postgres.

mod embedded;
mod migrate;
