//! The public API.

mod articles;
mod related;
mod sections;
mod site;
mod views;
