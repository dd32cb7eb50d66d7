//! The public API.

mod articles;
mod related;
mod search;
mod sections;
mod site;
mod views;
