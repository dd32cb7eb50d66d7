//! The public API.

mod adjacent;
mod articles;
mod related;
mod search;
mod sections;
mod site;
mod views;
