//! The API that changes things.

mod articles;
mod desk;
mod preview;
mod publication;
mod revisions;
mod site;
mod writers;
