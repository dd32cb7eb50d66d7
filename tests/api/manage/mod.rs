//! The API that changes things.

mod articles;
mod audit;
pub mod desk;
mod keys;
mod preview;
mod publication;
mod revisions;
mod site;
mod writers;
