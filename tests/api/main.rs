//! The one integration test binary: the real service on a port, a real Postgres, a database for each test. Files mirror
//! `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod cache;
mod cli;
mod contract;
mod db;
mod delivery;
mod docs;
mod faults;
mod harness;
mod http;
mod identity;
mod manage;
mod module_rules;
mod publishing;
mod tls;
mod transfer;
mod v1;
mod web;
