//! The way to Postgres.

mod migrate;
mod private;
