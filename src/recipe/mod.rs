//! Recipes: the schema, loading, package groups and lint.

pub mod date;
mod model;
pub mod template;

pub use model::*;
