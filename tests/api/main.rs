//! The one integration test binary: the real service on a port, a real Postgres, a database for each test. Files mirror
//! `src`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod cli;
mod contract;
mod db;
mod delivery;
mod faults;
mod finished;
mod house;
mod http;
mod identity;
mod layers;
mod manage;
mod publishing;
mod reader;
mod tls;
mod transfer;
mod v1;
